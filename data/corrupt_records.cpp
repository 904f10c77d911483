#include "data/corrupt_records.h"

#include "kernels/base/check.h"

namespace cf::data {

void CorruptRecords::add(std::int64_t sample, const std::string& message) {
  const std::lock_guard lock(mutex_);
  const bool is_new = samples_.insert(sample).second;
  const std::int64_t count = std::ssize(samples_);
  if (is_new && report_) report_({sample, message}, count);
  CF_CHECK_AS(ErrorKind::Data, count <= limit_, count, " samples are corrupt, more than the limit of ",
              limit_, "; the last: ", message);
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
