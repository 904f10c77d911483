// Starting from weights of an earlier training: model.init.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "framework/parameters/parameter_store.h"

namespace cf::apps {

// Reads every tensor of the network from a safetensors file in PyTorch's names and layout, from a
// checkpoint, or from the best checkpoint of a run folder. The classifier keeps its fresh start where the
// number of classes differs; any other difference is a Checkpoint error that names the tensor and both
// shapes. Returns lines that say what was loaded, what was not and why, and what the file holds besides.
std::vector<std::string> load_initial_weights(const std::filesystem::path& path, const ParameterStore& store);

}  // namespace cf::apps
