// The data sets that a run trains on and is evaluated on.
#pragma once

#include <cstdio>
#include <memory>

#include "apps/config/config.h"
#include "data/dataset.h"

namespace cf::apps {

// The data sets data.train and data.val. A key that is not set, or a number of classes other than
// model.classes, is a Usage error; data that cannot be read, or classes other than those of `train`, a Data
// error. An archive's index is read with a progress line on `progress`, if given.
std::unique_ptr<data::Dataset> open_training_data(const Config& config, std::FILE* progress = stderr);
std::unique_ptr<data::Dataset> open_validation_data(const Config& config, const data::Dataset& train,
                                                    std::FILE* progress = stderr);

}  // namespace cf::apps
