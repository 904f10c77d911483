// Whether compiled CUDA code runs on a GPU.
#pragma once

#include <string_view>

namespace cf::apps {

enum class ArchitectureMatch {
  None,
  Portable,     // the driver compiles the code at the first start
  MachineCode,  // of this very kind of GPU
};

// architectures: as CMake writes them, "80-virtual;90a-real". Machine code runs on GPUs of its major version
// whose minor one is not smaller, or with a letter (90a) on exactly its own; portable code without a letter
// on everything newer. An entry without -real or -virtual is both.
ArchitectureMatch match_of(std::string_view architectures, int major, int minor);

}  // namespace cf::apps
