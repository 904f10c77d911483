// The gates of mbconv's Hopper route at place Cuda in one kernel. A cluster of eight blocks has eight images:
// each block computes an eighth of their squeezed channels, passes them to the others' shared memories, and
// computes an eighth of the gates. So each weight a block reads serves eight images.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/base/reduce.cuh"
#include "kernels/mbconv_forward/hopper_cluster.cuh"

namespace cf::kernels::mbconv_hopper {

inline constexpr int kGateBlocks = 8, kGateImages = 8, kGateThreads = 256;

template <class T>
struct GateArguments {
  const float* sums;  // of u over the pixels [images][hidden]
  const T *squeeze, *excite;
  const float *squeeze_bias, *excite_bias;
  T* gate;
  int images, hidden, squeezed;
  float share;  // of a pixel in the mean
};

constexpr std::size_t gate_shared_bytes(std::int64_t hidden, std::int64_t squeezed) {
  return static_cast<std::size_t>((hidden + squeezed) * kGateImages) * sizeof(float);
}

template <class T>
class GateWorker {
 public:
  __device__ __forceinline__ GateWorker(const GateArguments<T>& arguments, float* shared)
      : a_(arguments),
        pooled_(shared),
        squeezed_(shared + kGateImages * arguments.hidden),
        rank_(cluster_rank()),
        first_image_(static_cast<int>(blockIdx.x) / kGateBlocks * kGateImages) {}

  __device__ __forceinline__ void run() const {
    start_next_kernel();
    wait_for_last_kernel();
    cluster_barrier();  // all blocks run, so that their shared memories may be written
    load_sums();
    __syncthreads();
    compute_squeezed();
    cluster_barrier();
    if (a_.squeezed % kPack<T> == 0) {
      compute_gates<kPack<T>>();
    } else {
      compute_gates<1>();
    }
  }

 private:
  static constexpr int kTerms = 4;  // of a sum that a lane loads at once

  __device__ __forceinline__ void load_sums() const {
    const int packs = a_.hidden / 4;
    for (int i = threadIdx.x; i < kGateImages * packs; i += kGateThreads) {
      const int image = first_image_ + i / packs;
      const auto* const from =
          reinterpret_cast<const float4*>(a_.sums) + std::int64_t{image} * packs + i % packs;
      reinterpret_cast<float4*>(pooled_)[i] = image < a_.images ? *from : float4{};
    }
  }

  // A warp for each squeezed channel.
  __device__ __forceinline__ void compute_squeezed() const {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int channels = (a_.squeezed + kGateBlocks - 1) / kGateBlocks;
    const int last = min(a_.squeezed, (rank_ + 1) * channels);
    for (int d = rank_ * channels + warp; d < last; d += kGateThreads / 32) {
      float sum[kGateImages] = {};
      const T* weights = a_.squeeze + std::int64_t{d} * a_.hidden;
#pragma unroll 4
      for (int i = lane * kTerms; i < a_.hidden; i += 32 * kTerms) {
        float weight[kTerms];
        const auto pack = load_pack<T, kTerms>(weights + i);
#pragma unroll
        for (int j = 0; j < kTerms; ++j) weight[j] = to_float(pack.value[j]);
#pragma unroll
        for (int image = 0; image < kGateImages; ++image) {
          const auto values = *reinterpret_cast<const float4*>(pooled_ + image * a_.hidden + i);
          sum[image] +=
              weight[0] * values.x + weight[1] * values.y + weight[2] * values.z + weight[3] * values.w;
        }
      }
#pragma unroll
      for (int image = 0; image < kGateImages; ++image) {
        const float value = warp_sum(sum[image]) * a_.share + a_.squeeze_bias[d];
        if (lane < kGateBlocks) store_at(squeezed_ + d * kGateImages + image, lane, value > 0 ? value : 0.0F);
      }
    }
  }

  // A thread for each gate of four images.
  template <int V>
  __device__ __forceinline__ void compute_gates() const {
    const int channels = (a_.hidden + kGateBlocks - 1) / kGateBlocks, first = rank_ * channels;
    const int count = min(channels, a_.hidden - first);
    for (int i = threadIdx.x; i < 2 * count; i += kGateThreads) {
      const int e = first + i % count, images = i / count * 4;
      float sum[4] = {};
      const T* weights = a_.excite + std::int64_t{e} * a_.squeezed;
#pragma unroll 4
      for (int d = 0; d < a_.squeezed; d += V) {
        float weight[V];
        load_floats(weights + d, weight);
#pragma unroll
        for (int j = 0; j < V; ++j) {
          const auto values = *reinterpret_cast<const float4*>(squeezed_ + (d + j) * kGateImages + images);
          sum[0] += weight[j] * values.x;
          sum[1] += weight[j] * values.y;
          sum[2] += weight[j] * values.z;
          sum[3] += weight[j] * values.w;
        }
      }
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int image = first_image_ + images + j;
        if (image >= a_.images) continue;
        const float gate = 1 / (1 + expf(-(sum[j] + a_.excite_bias[e])));
        a_.gate[std::int64_t{image} * a_.hidden + e] = from_float<T>(gate);
      }
    }
  }

  const GateArguments<T>& a_;
  float* const pooled_;    // [images][hidden]
  float* const squeezed_;  // [squeezed][images]
  const int rank_, first_image_;
};

template <class T>
__global__ void __launch_bounds__(kGateThreads)
    mbconv_hopper_gates_kernel(const __grid_constant__ GateArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  GateWorker<T>(arguments, reinterpret_cast<float*>(shared)).run();
#else
  __trap();  // never chosen, see hopper_route.cuh
#endif
}

}  // namespace cf::kernels::mbconv_hopper
