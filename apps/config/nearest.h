// "Did you mean ...": the known word nearest to a misspelt one.
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace cf::apps {

// Insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b);

// The word with the least edit distance, the first of equals; empty if all are farther than a third of the
// longer word's length (and farther than 2).
template <class Words>
std::string nearest(std::string_view word, const Words& known) {
  std::string best;
  int best_distance = std::numeric_limits<int>::max();
  for (const auto& candidate : known) {
    const std::string_view text = candidate;
    const int distance = edit_distance(word, text);
    const int limit = std::max<int>(2, static_cast<int>(std::max(word.size(), text.size())) / 3);
    if (distance <= limit && distance < best_distance) {
      best = text;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace cf::apps
