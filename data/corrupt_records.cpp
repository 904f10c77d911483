#include "data/corrupt_records.h"

#include <utility>

#include "kernels/base/check.h"

namespace cf::data {

void CorruptRecords::add(std::int64_t sample, const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (!samples_.insert(sample).second) return;
  new_.push_back({sample, message});
  CF_CHECK_AS(ErrorKind::Data, std::ssize(samples_) <= limit_, samples_.size(),
              " samples are corrupt, more than the limit of ", limit_, "; the last: ", message);
}

std::vector<BadRecord> CorruptRecords::take_new() {
  const std::lock_guard lock(mutex_);
  return std::exchange(new_, {});
}

std::int64_t next_of_class(const Dataset& dataset, std::int64_t sample) {
  const std::int64_t label = dataset.label(sample);
  std::int64_t next = sample;
  do {
    next = next + 1 < dataset.size() ? next + 1 : 0;
  } while (dataset.label(next) != label);
  return next;
}

}  // namespace cf::data
