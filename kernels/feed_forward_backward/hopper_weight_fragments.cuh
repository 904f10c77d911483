// A warp's rows of expand and of project transposed in registers, for the Hopper route's sums over pixels
// where shared memory does not hold them.
#pragma once

#include "kernels/feed_forward_backward/hopper_weights_block.cuh"

namespace cf::kernels::feed_forward_backward {

// Fragments of A, kSteps * 16 channels.
template <class T, int kSteps>
struct WeightFragments {
  static constexpr int kChannels = kSteps * 16;

  MatrixA expand[kSteps], project[kSteps];

  // first_hidden: of the lane's two rows, which lie 8 apart.
  __device__ __forceinline__ void load(const WeightsArguments<T>& a, int first_hidden, int lane) {
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const int c = s * 16 + lane % 4 * 2, e = first_hidden;
      expand[s] = {expand_pair(a, e, c), expand_pair(a, e + 8, c), expand_pair(a, e, c + 8),
                   expand_pair(a, e + 8, c + 8)};
      project[s] = {project_pair(a, e, c), project_pair(a, e + 8, c), project_pair(a, e, c + 8),
                    project_pair(a, e + 8, c + 8)};
    }
  }

 private:
  static __device__ __forceinline__ std::uint32_t expand_pair(const WeightsArguments<T>& a, int e, int c) {
    if (e >= a.partial.hidden) return 0;
    return *reinterpret_cast<const std::uint32_t*>(a.expand_values + std::int64_t{e} * kChannels + c);
  }
  static __device__ __forceinline__ std::uint32_t project_pair(const WeightsArguments<T>& a, int e, int c) {
    if (e >= a.partial.hidden) return 0;
    const T* value = a.project_values + std::int64_t{c} * a.partial.hidden + e;
    return value[0].bits | std::uint32_t{value[a.partial.hidden].bits} << 16;
  }
};

}  // namespace cf::kernels::feed_forward_backward
