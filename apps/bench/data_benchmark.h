// How fast a loader hands out batches whose images go on to a device.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include "data/loader.h"
#include "framework/runtime/executor.h"
#include "framework/runtime/step_inputs.h"

namespace cf::apps {

// Takes the images of batches to the place of an executor, as a training step does: through page-locked
// memory and beside other work to a GPU, by a copy in the memory of the host elsewhere.
class BatchCopies {
 public:
  // All batches will have the shape that `options` say.
  BatchCopies(Executor& executor, const data::LoaderOptions& options);

  void copy(const data::Batch& batch);
  // The time that calls of copy() took.
  double seconds() const { return seconds_; }

 private:
  Executor& executor_;
  Shape shape_;
  InputFill fill_;
  std::unique_ptr<StepInputs> inputs_;  // on a GPU
  const data::Batch* batch_ = nullptr;
  std::int64_t number_ = 0;
  double seconds_ = 0;
};

// Ends after `seconds` or `images`, whichever comes first.
struct LoaderRun {
  int threads = 1;
  double warm_up = 1;  // seconds before; 0: from the first image on, also the time until it comes
  double seconds = 10;
  std::int64_t images = std::numeric_limits<std::int64_t>::max();
};

struct LoaderRate {
  int threads = 0;
  double seconds = 0;       // that were measured
  data::LoaderWork work;    // done in that time
  double copy_seconds = 0;  // of the thread that takes the batches
  std::int64_t copied_images = 0;
  std::int64_t resident_at_begin = 0, resident_at_end = 0;  // bytes of this process

  double images_per_second() const { return static_cast<double>(work.images) / seconds; }
  double images_per_second_of_thread() const { return images_per_second() / threads; }
};

// Measures a loader as `run` says.
LoaderRate measure_loader(const data::Dataset& dataset, data::LoaderOptions options, const LoaderRun& run,
                          Executor& executor);

}  // namespace cf::apps
