// Blocks of many shapes, layer by layer and fused: what the device's limits predict for their kernels, and
// what they take.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/bench/block_benchmark.h"

namespace cf::apps {

// All combinations are measured; widths ascend.
struct SweepGrid {
  std::vector<int> widths, expansions, sizes, batches;
};

// Small on a CPU, the shapes of real networks on a GPU.
SweepGrid default_grid(const Executor& executor);

// Of blocks whose names match the pattern: ConvFirst and MBConv in inference, or ConvFirst in training. The
// width changes fastest.
std::vector<BlockCase> sweep_shapes(const SweepGrid& grid, bool training, const std::string& pattern);

// A block computed one way.
struct SweepTime {
  double predicted = 0;  // seconds: of each kernel the slower of arithmetic and memory, one after the other
  Timing timing;
  int kernels = 0;          // in training: passes
  std::int64_t copies = 0;  // of its memory, walked through in turn

  double ratio() const { return timing.seconds.median / predicted; }
};

struct SweepResult {
  BlockCase shape;
  SweepTime layers;
  std::optional<SweepTime> fused;
  std::string why_not_fused;
};

// In inference by a plan, norms folded either way. In training forward and backward, without the update.
SweepResult sweep_block(Executor& executor, const BlockCase& shape, const DeviceLimits& limits,
                        std::int64_t cache_bytes, const TimingOptions& options);

}  // namespace cf::apps
