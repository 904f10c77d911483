// What to predict: image files, folders of them, or a tensor that is ready for the network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/prepare.h"
#include "framework/ops/normalize_image.h"
#include "framework/runtime/executor.h"

namespace cf::apps {

// The image files that the arguments name; a folder stands for its image files, sorted. A path that is
// not there, or a folder without images, is a Data error.
std::vector<std::string> find_images(const std::vector<std::string>& arguments);

// Images prepared as `geometry` says, normalised: [N,H,W,C]. An image that cannot be read is a Data error
// naming it.
Tensor read_images(Executor& executor, const data::EvaluationGeometry& geometry,
                   const Normalization& normalization, const std::vector<std::string>& files);

// Tensor `x` [N,channels,H,W] (PyTorch's order) of a safetensors file, float32, used as it is; returned as
// [N,H,W,C].
Tensor read_input_tensor(Executor& executor, const std::string& path, int channels);

}  // namespace cf::apps
