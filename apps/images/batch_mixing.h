// Mixup and cutmix in a training step: what the parts of its batch need as inputs. Images 2p and 2p + 1 of
// the global batch are mixed with each other; the draws do not depend on how the batch is divided.
#pragma once

#include <cstdint>
#include <span>

#include "apps/config/config.h"
#include "data/image.h"
#include "data/mixing.h"

namespace cf::apps {

class BatchMixing {
 public:
  explicit BatchMixing(const Config& config);

  // Whether images are ever mixed.
  bool any() const { return options_.any(); }

  // An even number of images of the batch of a step, from image `first` on, which is even too.
  struct Part {
    std::int64_t step, first;
    data::ImageSize size;
  };

  // One per image.
  void fill_shares(const Part& part, std::span<float> shares) const;
  // Four per image: top, left, bottom, right.
  void fill_boxes(const Part& part, std::span<std::int64_t> boxes) const;
  // One row of classes per image, from the labels of the same images.
  void fill_targets(const Part& part, std::span<const std::int64_t> labels, std::span<float> targets) const;
  // The label that has the larger share of each image.
  void fill_main_labels(const Part& part, std::span<const std::int64_t> labels,
                        std::span<std::int64_t> main_labels) const;

 private:
  data::PairMix draw(const Part& part, std::size_t image) const;

  data::MixOptions options_;
  std::uint64_t seed_;
};

}  // namespace cf::apps
