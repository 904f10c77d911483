// Batches of prepared images, made ahead by threads. The bytes of a batch depend on the options only, not on
// the number of threads, and not on where the run was started or resumed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/augment.h"
#include "data/corrupt_records.h"
#include "data/dataset.h"
#include "data/prepare.h"
#include "data/resize.h"
#include "data/sampler.h"
#include "data/stage_seconds.h"

namespace cf::data {

// What to do with a sample that cannot be read.
enum class OnCorrupt {
  Error,
  Substitute,  // take the next of its class, and report it; in training only, as evaluation counts every
               // image
};

struct LoaderOptions {
  int batch = 1;              // samples per batch of this rank
  int height = 0, width = 0;  // of the images handed out
  int channels = 0;           // 1 or 3; 0: the data set's
  int threads = 1;
  int queue = 4;  // batches in the making or ready at most
  std::uint64_t seed = 0;
  Shuffle shuffle = Shuffle::None;  // a permutation per epoch, endless; None: one pass in the stored order
  bool augment = false;             // `augmentation`; else the evaluation geometry
  AugmentOptions augmentation;
  // Repeated augmentation (Hoffer et al., "Augment your batch", CVPR 2020): every sample comes so often in a
  // global batch, each time drawn anew, and an epoch of as many batches takes that share of the samples. Must
  // divide the global batch; needs shuffle and drop_last.
  int repeats = 1;
  // Evaluation geometry, see prepare.h and resize.h.
  float crop = 1.0f;
  Filter filter = Filter::Bicubic;
  Fit fit = Fit::ResizeCrop;
  bool upright = false;
  OnCorrupt on_corrupt = OnCorrupt::Error;
  std::int64_t corrupt_limit = 100;  // so many different samples may be substituted, then it is an error
  OnCorruptRecord on_substitute;     // told of each of them once
  bool drop_last = false;            // leave out a last short batch
  std::int64_t first_epoch = 0, first_batch = 0;  // where to begin; first_batch within first_epoch
  // A global batch is `ranks` batches of this size in a row; this rank takes its part. Without drop_last the
  // last global batch is cut anywhere, and ranks behind the cut end one batch earlier.
  int rank = 0, ranks = 1;
};

struct Batch {
  std::vector<std::uint8_t> images;           // [N, height, width, channels]
  std::vector<std::int64_t> labels, samples;  // a substitute stands for itself
  std::int64_t epoch = 0, index = 0;          // batch `index` of the epoch
  int height = 0, width = 0, channels = 0;

  std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
};

struct LoaderWork {
  std::int64_t images = 0;
  StageSeconds seconds;  // of all threads
};

class Loader {
 public:
  // The data set must outlive the loader. Options out of range, among them a batch bigger than the data set
  // with drop_last, are Usage errors.
  Loader(const Dataset& dataset, LoaderOptions options);
  // Stops the threads wherever they are; takes as long as one image.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  std::int64_t batches_per_epoch() const;

  // The next batch; waits for it. Without shuffle, an empty batch after the last. A sample that cannot be
  // prepared makes its batch throw, with the sample's name; the call after that gives the batch behind it.
  Batch next();

  // Gives back the memory of a batch, to be used again.
  void recycle(Batch&& batch);

  // Seconds that next() has waited, in all.
  double waited_seconds() const;

  // What the threads have done so far.
  LoaderWork work() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cf::data
