// The time of a GPU, taken in the order of its work: what two of them span is seen without the host waiting.
#pragma once

#include <cstdint>

#include "framework/runtime/gpu.h"

namespace cf {

// Writes the GPU's time in ns, since some moment of its own, to memory of that GPU, when what was given to
// `stream` before is done. May be recorded. Costs the stream about two microseconds.
void write_gpu_time(const GpuStream& stream, std::int64_t* to);

}  // namespace cf
