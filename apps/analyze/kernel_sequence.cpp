#include "apps/analyze/kernel_sequence.h"

namespace cf::apps {

using layers::KernelCost;

double predicted_seconds(const KernelCost& kernel, const DeviceLimits& limits) {
  return limits.seconds(2 * kernel.macs, kernel.bytes);
}

double attainable_efficiency(const KernelCost& kernel, const DeviceLimits& limits) {
  return 2 * kernel.macs / limits.flops_per_second / predicted_seconds(kernel, limits);
}

bool is_bound_by_memory(const KernelCost& kernel, const DeviceLimits& limits) {
  return 2 * kernel.macs / limits.flops_per_second < kernel.bytes / limits.bytes_per_second;
}

SequenceTotal total_of(std::span<const KernelCost> kernels, const DeviceLimits& limits) {
  SequenceTotal total;
  for (const KernelCost& kernel : kernels) {
    total.macs += kernel.macs;
    total.bytes += kernel.bytes;
    total.seconds += predicted_seconds(kernel, limits);
  }
  total.arithmetic_seconds = 2 * total.macs / limits.flops_per_second;
  return total;
}

SequenceTotal total_of(const KernelSequence& sequence, const DeviceLimits& limits) {
  SequenceTotal total;
  for (const SequencePart& part : sequence.parts) {
    const SequenceTotal of_part = total_of(part.kernels, limits);
    total.macs += of_part.macs;
    total.bytes += of_part.bytes;
    total.seconds += of_part.seconds;
    total.arithmetic_seconds += of_part.arithmetic_seconds;
  }
  return total;
}

}  // namespace cf::apps
