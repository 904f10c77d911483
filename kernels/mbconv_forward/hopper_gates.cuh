// The gates of mbconv's Hopper route at place Cuda in one kernel. A cluster of eight blocks has eight images:
// each block computes an eighth of their squeezed channels, passes them to the others' shared memories, and
// computes an eighth of the gates. Both products are tensor cores' with eight images as rows; which terms of
// their sums a lane holds is free, so that it loads eight neighbouring ones.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/mbconv_forward/hopper_cluster.cuh"

namespace cf::kernels::mbconv_hopper {

inline constexpr int kGateBlocks = 8, kGateImages = 8, kGateThreads = 512, kGateWarps = kGateThreads / 32;

template <class T>
struct GateArguments {
  const float* sums;  // of u over the pixels [images][hidden]
  const T *squeeze, *excite;
  const float *squeeze_bias, *excite_bias;
  T* gate;
  int images, hidden, squeezed;
  float share;  // of a pixel in the mean

  __host__ __device__ int rows_of_block() const {  // of squeeze, whole tiles
    return (squeezed + 8 * kGateBlocks - 1) / (8 * kGateBlocks) * 8;
  }
  __host__ __device__ int squeezed_pitch() const { return kGateBlocks * rows_of_block() + 4; }
  std::size_t shared_bytes() const {
    return static_cast<std::size_t>(kGateImages * (squeezed_pitch() + kGateWarps * rows_of_block())) *
           sizeof(float);
  }
};

template <class T>
class GateWorker {
 public:
  __device__ __forceinline__ GateWorker(const GateArguments<T>& arguments, float* shared)
      : a_(arguments),
        squeezed_(shared),
        part_sums_(shared + kGateImages * arguments.squeezed_pitch()),
        rank_(cluster_rank()),
        lane_(static_cast<int>(threadIdx.x) % 32),
        warp_(static_cast<int>(threadIdx.x) / 32),
        first_image_(static_cast<int>(blockIdx.x) / kGateBlocks * kGateImages) {}

  __device__ __forceinline__ void run() const {
    start_next_kernel();
    const int tiles = (a_.hidden / 8 + kGateBlocks - 1) / kGateBlocks;
    const int first = rank_ * tiles + warp_, last = min((rank_ + 1) * tiles, a_.hidden / 8);
    FirstTerms weights = load_first_terms(first, last);
    wait_for_last_kernel();
    wait_for_cluster();  // all blocks run, so that their shared memories may be written
    for (int row = 0; row < a_.rows_of_block(); row += kRowTiles * 8) squeeze(row);
    __syncthreads();
    pass_on();
    cluster_barrier();
    for (int tile = first; tile < last; tile += kGateWarps) {
      excite(tile * 8, weights);
      weights = load_first_terms(tile + kGateWarps, last);
    }
  }

 private:
  using Weights = Pack<std::uint32_t, 4>;

  // Eight terms of a row of weights; zeros where there is no row or there are no terms.
  static __device__ __forceinline__ Weights weights_at(const T* row, int term, bool valid) {
    return valid ? *reinterpret_cast<const Weights*>(row + term) : Weights{};
  }

  // Terms of an image as rows of A, two products deep.
  struct Terms {
    MatrixA first, second;
  };
  static __device__ __forceinline__ Terms round_terms(const float4& low, const float4& high, float factor) {
    return {
        {round_pair<T>(low.x * factor, low.y * factor), 0, round_pair<T>(low.z * factor, low.w * factor), 0},
        {round_pair<T>(high.x * factor, high.y * factor), 0, round_pair<T>(high.z * factor, high.w * factor),
         0}};
  }

  // sum += eight terms of an image by those of a weight row.
  static __device__ __forceinline__ void multiply(float (&sum)[4], const Terms& terms, const Weights& w) {
    multiply_add<T>(sum, terms.first, w.value[0], w.value[1]);
    multiply_add<T>(sum, terms.second, w.value[2], w.value[3]);
  }

  // Tiles of eight squeezed channels of the block, this warp's part of their sums.
  static constexpr int kRowTiles = 2;
  __device__ __forceinline__ void squeeze(int first_row) const {
    const int image = first_image_ + lane_ / 4;
    const bool has_image = image < a_.images;
    const float* sums = a_.sums + std::int64_t{image} * a_.hidden;
    float sum[kRowTiles][4] = {};
#pragma unroll 2
    for (int first = warp_ * 32; first < a_.hidden; first += kGateWarps * 32) {
      const int term = first + lane_ % 4 * 8;
      const bool has_terms = term < a_.hidden;
      float4 low{}, high{};
      if (has_image && has_terms) {
        low = *reinterpret_cast<const float4*>(sums + term);
        high = *reinterpret_cast<const float4*>(sums + term + 4);
      }
      Weights weights[kRowTiles];
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        const int row = first_row + i * 8 + lane_ / 4, d = rank_ * a_.rows_of_block() + row;
        weights[i] = weights_at(a_.squeeze + std::int64_t{d} * a_.hidden, term,
                                has_terms && row < a_.rows_of_block() && d < a_.squeezed);
      }
      const Terms terms = round_terms(low, high, a_.share);
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) multiply(sum[i], terms, weights[i]);
    }
#pragma unroll
    for (int i = 0; i < kRowTiles; ++i) {
      const int row = first_row + i * 8;
      if (row >= a_.rows_of_block()) break;
      float* const to = part_sums_ + ((warp_ * a_.rows_of_block() + row) * kGateImages + lane_ / 4) +
                        lane_ % 4 * 2 * kGateImages;
      to[0] = sum[i][0];
      to[kGateImages] = sum[i][1];
    }
  }

  // The sums of the warps' parts, in order, to all blocks of the cluster.
  __device__ __forceinline__ void pass_on() const {
    const int count = a_.rows_of_block() * kGateImages;
    for (int i = threadIdx.x; i < count; i += kGateThreads) {
      const int d = rank_ * a_.rows_of_block() + i / kGateImages;
      float value = d < a_.squeezed ? a_.squeeze_bias[d] : 0;
#pragma unroll
      for (int warp = 0; warp < kGateWarps; ++warp) value += part_sums_[warp * count + i];
      if (d >= a_.squeezed || value < 0) value = 0;
      for (int rank = 0; rank < kGateBlocks; ++rank) {
        store_at(squeezed_ + i % kGateImages * a_.squeezed_pitch() + d, rank, value);
      }
    }
  }

  // Of a tile of eight gates the first terms of each row, asked for ahead: they do not wait for what is
  // squeezed, nor for the kernel before.
  static constexpr int kFirstTerms = 4;
  struct FirstTerms {
    Weights of[kFirstTerms];
  };
  __device__ __forceinline__ const T* excite_row(int channel) const {
    return a_.excite + std::int64_t{channel + lane_ / 4} * a_.squeezed;
  }
  __device__ __forceinline__ FirstTerms load_first_terms(int tile, int last) const {
    FirstTerms terms;
#pragma unroll
    for (int i = 0; i < kFirstTerms; ++i) {
      const int term = i * 32 + lane_ % 4 * 8;
      terms.of[i] = weights_at(excite_row(tile * 8), term, tile < last && term < a_.squeezed);
    }
    return terms;
  }

  // Eight gates of each image.
  __device__ __forceinline__ void excite(int channel, const FirstTerms& first_terms) const {
    const float* squeezed = squeezed_ + lane_ / 4 * a_.squeezed_pitch();
    const auto terms_at = [&](int term) {
      return round_terms(*reinterpret_cast<const float4*>(squeezed + term),
                         *reinterpret_cast<const float4*>(squeezed + term + 4), 1);
    };
    const int count = kGateBlocks * a_.rows_of_block();
    float sum[4] = {};
#pragma unroll
    for (int i = 0; i < kFirstTerms; ++i) {
      const int term = i * 32 + lane_ % 4 * 8;
      if (i * 32 < count) multiply(sum, terms_at(term), first_terms.of[i]);
    }
    for (int first = kFirstTerms * 32; first < count; first += 32) {
      const int term = first + lane_ % 4 * 8;
      multiply(sum, terms_at(term), weights_at(excite_row(channel), term, term < a_.squeezed));
    }
    const int image = first_image_ + lane_ / 4, e = channel + lane_ % 4 * 2;
    if (image >= a_.images) return;
    const auto gate = [&](float value, int at) { return 1 / (1 + __expf(-(value + a_.excite_bias[at]))); };
    *reinterpret_cast<std::uint32_t*>(a_.gate + std::int64_t{image} * a_.hidden + e) =
        round_pair<T>(gate(sum[0], e), gate(sum[1], e + 1));
  }

  const GateArguments<T>& a_;
  float* const squeezed_;   // [images][squeezed]
  float* const part_sums_;  // [warps][squeezed of this block][images]
  const int rank_, lane_, warp_, first_image_;
};

template <class T>
__global__ void __launch_bounds__(kGateThreads, 2)
    mbconv_hopper_gates_kernel(const __grid_constant__ GateArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  GateWorker<T>(arguments, reinterpret_cast<float*>(shared)).run();
#else
  __trap();  // never chosen, see hopper_route.cuh
#endif
}

}  // namespace cf::kernels::mbconv_hopper
