// Kernels that run one after the other, held against what a device can do: the waterline analysis
// (arXiv 2404.03617). Kernel i has W_i operations, two for each multiply-accumulate, and moves B_i bytes:
//
//   t_i = max(W_i / P, B_i / BW)      P: operations, BW: bytes a second that the device does at most
//   attainable e = sum_i W_i / P / sum_i t_i
//   achieved e   = sum_i W_i / P / measured time
//
// One roofline over the totals would promise more: a kernel that waits for memory and one that computes do
// not overlap.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "apps/bench/device_limits.h"
#include "layers/kernel_cost.h"

namespace cf::apps {

struct SequencePart {
  std::string path;                // "stages.0.blocks.1"
  std::string text;                // "convfirst C=64 E=384 56x56"
  std::string route = {};          // of a block: how it is computed
  std::string why_not_fused = {};  // of a block; empty: it is
  std::vector<layers::KernelCost> kernels;
  std::vector<double> measured = {};  // seconds of each kernel; empty: not measured
};

struct KernelSequence {
  std::string name;  // "layer-wise", "fused"
  std::vector<SequencePart> parts;
  double measured = 0;           // seconds of all together; 0: not measured
  std::string measured_by = {};  // "kernels run here", a file
};

// Sums over kernels.
struct SequenceTotal {
  double macs = 0, bytes = 0;
  double seconds = 0;             // predicted
  double arithmetic_seconds = 0;  // at e = 1

  double intensity() const { return 2 * macs / bytes; }
  double attainable() const { return arithmetic_seconds / seconds; }
  double achieved(double measured) const { return arithmetic_seconds / measured; }
};

// Of one kernel: t_i and W_i / (P t_i).
double predicted_seconds(const layers::KernelCost& kernel, const DeviceLimits& limits);
double attainable_efficiency(const layers::KernelCost& kernel, const DeviceLimits& limits);
bool is_bound_by_memory(const layers::KernelCost& kernel, const DeviceLimits& limits);

SequenceTotal total_of(std::span<const layers::KernelCost> kernels, const DeviceLimits& limits);
SequenceTotal total_of(const KernelSequence& sequence, const DeviceLimits& limits);

}  // namespace cf::apps
