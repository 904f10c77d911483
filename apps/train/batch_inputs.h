// What the micro-batches of a step read of its batch, as inputs of recorded work: normalised images and
// targets, mixed where the configuration asks for it.
#pragma once

#include <cstdint>
#include <span>

#include "apps/config/config.h"
#include "apps/images/batch_mixing.h"
#include "data/loader.h"
#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "framework/ops/normalize_image.h"

namespace cf::apps {

class BatchInputs {
 public:
  // Of a rank whose first micro-batch of a step is number `first_micro_batch`.
  BatchInputs(Executor& executor, const Config& config, std::int64_t first_micro_batch);

  void set_image_size(data::ImageSize size) { size_ = size; }
  data::ImageSize image_size() const { return size_; }
  int channels() const { return channels_; }

  // What inputs are filled from, from now on; must outlive that.
  void set_batch(const data::Batch& batch) { batch_ = &batch; }

  // Of the micro-batch that `pass` works on.
  Variable images(Pass& pass);
  Target target(Pass& pass);
  // What a prediction counts as right for: the label, or the one with the larger share in a mixed image.
  Tensor main_labels(Pass& pass, const Target& target);

 private:
  Tensor labels(Pass& pass);
  std::span<const std::int64_t> labels_of(const PassOptions& options) const;
  BatchMixing::Part mixed_part(const PassOptions& options, std::int64_t step) const;

  Executor& executor_;
  ImageNormalizer normalizer_;
  BatchMixing mixing_;
  float smoothing_;
  std::int64_t images_, first_micro_batch_;  // of a micro-batch; of this rank
  std::int64_t classes_;
  int channels_;
  data::ImageSize size_;
  const data::Batch* batch_ = nullptr;
};

}  // namespace cf::apps
