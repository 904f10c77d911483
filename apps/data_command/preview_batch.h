// The images of `data preview`.
#pragma once

#include <cstdint>

#include "apps/config/config.h"
#include "data/dataset.h"
#include "data/loader.h"

namespace cf::apps {

struct TrainingPreview {
  int count = 64;
  std::int64_t epoch = 0;
  bool mixes = true;  // applies augment.mixup and augment.cutmix
};

// The first `count` images of an epoch, or all of it, as the network sees them in training: augmented, mixed,
// normalised, and that undone again to bytes. They are those of the epoch's first steps, to the byte for
// images that are not mixed. A data set smaller than train.batch is taken as one batch.
data::Batch training_preview(const data::Dataset& dataset, const Config& config,
                             const TrainingPreview& preview);

// The first `count` images as evaluation sees them.
data::Batch evaluation_preview(const data::Dataset& dataset, const Config& config, int count);

}  // namespace cf::apps
