// What this binary was built from.
#pragma once

#include <string_view>

namespace cf::apps {

std::string_view version();             // "0.1.0"
std::string_view build_id();            // git describe when the build was configured, or "unknown"
std::string_view build_architecture();  // value of -march=, "x86-64-v3"
std::string_view build_cuda();          // version of the CUDA Toolkit, "13.0.88"; empty without CUDA code
// What the CUDA code was compiled for, as CMake writes it: "80-virtual;90a-real".
std::string_view build_cuda_architectures();

}  // namespace cf::apps
