#include "data/batch_plan.h"

#include <algorithm>
#include <limits>

#include "data/loader.h"
#include "kernels/base/check.h"

namespace cf::data {

BatchPlan::BatchPlan(std::int64_t samples, const LoaderOptions& options)
    : samples_(samples),
      batch_(options.batch),
      global_batch_(std::int64_t{options.batch} * options.ranks),
      repeats_(options.repeats),
      rank_(options.rank),
      first_epoch_(options.first_epoch),
      first_batch_(options.first_batch) {
  CF_CHECK_AS(ErrorKind::Data, samples >= 1, "the data set is empty");
  CF_CHECK_AS(ErrorKind::Usage, !options.drop_last || global_batch_ <= samples, "a batch of ", global_batch_,
              " is bigger than the data set of ", samples, " samples");
  CF_CHECK_AS(ErrorKind::Usage, repeats_ >= 1 && global_batch_ % repeats_ == 0, repeats_,
              " repeats of every sample do not divide a batch of ", global_batch_);
  CF_CHECK_AS(ErrorKind::Usage, repeats_ == 1 || (options.shuffle != Shuffle::None && options.drop_last),
              "samples are repeated in training only, with shuffle and drop_last");
  batches_per_epoch_ = samples / global_batch_;
  const std::int64_t rest = samples % global_batch_;
  if (!options.drop_last && rest > rank_ * batch_) ++batches_per_epoch_;
  CF_CHECK_AS(ErrorKind::Usage, first_epoch_ >= 0 && first_batch_ >= 0 && first_batch_ <= batches_per_epoch_,
              "cannot begin at batch ", first_batch_, " of epoch ", first_epoch_, ": an epoch has ",
              batches_per_epoch_, " batches");
  total_batches_ = options.shuffle != Shuffle::None && batches_per_epoch_ > 0
                       ? std::numeric_limits<std::int64_t>::max()
                       : batches_per_epoch_ - first_batch_;
}

BatchPlan::Position BatchPlan::position(std::int64_t sequence) const {
  const std::int64_t batch = first_batch_ + sequence;
  Position position{.epoch = first_epoch_ + batch / batches_per_epoch_, .batch = batch % batches_per_epoch_};
  position.first = position.batch * global_batch_ + rank_ * batch_;
  position.size = std::min(batch_, samples_ - position.first);
  return position;
}

std::int64_t BatchPlan::samples_per_epoch() const {
  return std::min(samples_, batches_per_epoch_ * global_batch_ / repeats_);
}

BatchPlan::Place BatchPlan::place(std::int64_t position) const {
  if (repeats_ == 1) return {position, 0};
  const std::int64_t samples = global_batch_ / repeats_;  // different ones in a global batch
  const std::int64_t batch = position / global_batch_, at = position % global_batch_;
  return {batch * samples + at % samples, static_cast<int>(at / samples)};
}

}  // namespace cf::data
