// Whether a copy of ImageNet is whole.
#pragma once

#include <cstdint>
#include <string>

#include "data/dataset.h"

namespace cf::data {

inline constexpr std::int64_t kImageNetTrainImages = 1'281'167, kImageNetValImages = 50'000;

// A data set is taken for ILSVRC 2012 if it has exactly its 1,000 classes, or if its file is called
// ILSVRC2012_img_train.tar or ILSVRC2012_img_val.tar. Gives what is missing then, for a message: the classes,
// or the number of images that is neither 1,281,167 nor 50,000. Empty if it is whole, or another data set.
std::string missing_of_imagenet(const Dataset& dataset, const std::string& path);

}  // namespace cf::data
