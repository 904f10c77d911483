#include "apps/train/common_wish.h"

#include <utility>

namespace cf::apps {

Wish CommonWish::strongest(Wish own) {
  const std::int64_t vote = ranks_.begin_vote(static_cast<std::int64_t>(own));
  const auto counted = ranks_.world() == 1 ? vote : std::exchange(open_vote_, vote);
  return counted ? static_cast<Wish>(ranks_.vote_result(*counted)) : Wish::GoOn;
}

}  // namespace cf::apps
