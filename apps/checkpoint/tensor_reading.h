// Tensors of a safetensors file into tensors of ours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/parameters/parameter.h"
#include "framework/runtime/executor.h"
#include "framework/state/safetensors_file.h"

namespace cf::apps {

// "[64,3,4,4]"
std::string shape_text(const std::vector<std::int64_t>& shape);

// Reads one tensor in PyTorch's layout. A tensor that is missing, or of another shape or type, is a
// Checkpoint error that names file, tensor and both shapes.
void read_tensor(Executor& executor, const SafetensorsReader& file, const std::string& name,
                 const Tensor& into, Interchange interchange);

}  // namespace cf::apps
