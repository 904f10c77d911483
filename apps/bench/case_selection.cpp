#include "apps/bench/case_selection.h"

#include <algorithm>

#include "kernels/all_cases.h"

namespace cf::apps {

namespace {

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

}  // namespace

bool name_matches(std::string_view name, std::string_view pattern) {
  const auto names = words_of(name);
  const auto wanted = words_of(pattern);
  return std::all_of(wanted.begin(), wanted.end(), [&](std::string_view word) {
    if (word.find('=') == std::string_view::npos) return name.find(word) != std::string_view::npos;
    return std::find(names.begin(), names.end(), word) != names.end();
  });
}

std::vector<kernels::Case> select_cases(std::string_view pattern, bool all) {
  auto cases = kernels::all_cases();
  std::erase_if(cases, [&](const kernels::Case& c) {
    return !(all || c.benchmark_only) || !name_matches(c.name, pattern);
  });
  return cases;
}

std::vector<BlockCase> select_blocks(std::string_view pattern) {
  auto shapes = block_cases();
  std::erase_if(shapes, [&](const BlockCase& shape) { return !name_matches(shape.name(), pattern); });
  return shapes;
}

}  // namespace cf::apps
