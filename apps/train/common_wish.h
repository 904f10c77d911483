// What all ranks do before a step, whichever of them has a reason for it.
#pragma once

#include <cstdint>
#include <optional>

#include "framework/parallel/communicator.h"

namespace cf::apps {

// The stronger one last.
enum class Wish : std::int64_t { GoOn, Save, Stop };

class CommonWish {
 public:
  explicit CommonWish(Communicator& ranks) : ranks_(ranks) {}

  // The strongest wish of all ranks, which call it before each step and get the same. What several ranks wish
  // is known a call later, so that none waits for the answers of the others: the first call gives GoOn.
  Wish strongest(Wish own);

 private:
  Communicator& ranks_;
  std::optional<std::int64_t> open_vote_;
};

}  // namespace cf::apps
