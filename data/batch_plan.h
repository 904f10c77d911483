// Which samples the batches of a loader hold: arithmetic on (epoch, batch, rank) only.
#pragma once

#include <cstdint>

namespace cf::data {

struct LoaderOptions;

class BatchPlan {
 public:
  // Throws a Usage error if no batch can be made or the beginning lies outside the epoch.
  BatchPlan(std::int64_t samples, const LoaderOptions& options);

  struct Position {
    std::int64_t epoch, batch;
    std::int64_t first;  // position in the order of the epoch of the batch's first sample
    std::int64_t size;
  };
  // Of the batch that is `sequence` batches behind the beginning.
  Position position(std::int64_t sequence) const;

  struct Place {
    std::int64_t position;  // in the order of the epoch's samples
    int repetition;         // how often the sample came before in the global batch
  };
  // Of the image at `position` of an epoch: with repeats, a global batch is its samples once, then once more
  // ...
  Place place(std::int64_t position) const;

  std::int64_t batches_per_epoch() const { return batches_per_epoch_; }
  // Different ones in the batches of all ranks.
  std::int64_t samples_per_epoch() const;
  // From the beginning; as good as infinite with shuffle.
  std::int64_t total_batches() const { return total_batches_; }

 private:
  std::int64_t samples_, batch_, global_batch_, repeats_, rank_, first_epoch_, first_batch_;
  std::int64_t batches_per_epoch_, total_batches_;
};

}  // namespace cf::data
