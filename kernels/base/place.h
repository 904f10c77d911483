// Where a kernel runs: the first argument of every kernel, which selects the overload.
#pragma once

#include "kernels/base/threads.h"

struct CUstream_st;

namespace cf {

// Straight loops with wide sums, for double, float, Half and BFloat16: the truth (double) and the yardstick
// (the rest).
struct Reference {};

// Float32 on the threads of this process.
struct Cpu {
  Threads* threads;
};

// On one GPU, in the order of one stream.
struct Cuda {
  CUstream_st* stream = nullptr;  // a cudaStream_t
  int sm_limit = 0;               // blocks of persistent kernels use at most so many SMs; 0: all
  bool tf32 = false;              // float32 matrix products may round their factors to 10 bits
};

}  // namespace cf
