// A build without CUDA: no GPU has a time.
#ifndef CF_WITH_CUDA

#include "framework/parallel/gpu_clock.h"

namespace cf {

void write_gpu_time(const GpuStream&, std::int64_t*) {
  fail(ErrorKind::Device, "this program was built without CUDA");
}

}  // namespace cf

#endif
