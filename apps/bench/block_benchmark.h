// A whole block of the network as the framework runs it: layer by layer, which is what fused kernels are held
// against, or trained by fused passes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/bench/case_benchmark.h"

namespace cf::apps {

struct BlockCase {
  std::string kind;  // "convfirst" or "mbconv"
  std::int64_t n, side, channels, expansion;
  bool training = false;  // forward in training mode, and backward, without the update; else evaluation
  bool fused = false;     // training by fused passes

  // "block/convfirst/train N=128 H=56 W=56 C=64 E=6 layer-wise"
  std::string name() const;
};

// The blocks of ConvFirstNet-Small, and the first of Nano, at batch 128 and 224 pixels, in both modes, fused
// where that is possible too.
std::vector<BlockCase> block_cases();

// Two operations for each multiply-accumulate: once forward, and twice again backward.
double flops_of(const BlockCase& shape);

// Compulsory traffic with activations of `type`, were all in between kept on the chip: forward reads the
// input and the weights and writes the output; backward reads input, gradient and weights and writes the
// input's gradient and the weights'.
double bytes_of(const BlockCase& shape, DType type);

CaseResult benchmark_block(Executor& executor, const BlockCase& shape, const DeviceLimits& limits,
                           std::int64_t cache_bytes, const TimingOptions& options);

}  // namespace cf::apps
