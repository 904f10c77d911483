// The gates of the kernel for few images (hopper_few_images.cuh): a cluster's blocks pool an eighth of the
// hidden channels each, exchange what they add to the squeezed channels, and make the gates of their eighth.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/mbconv_forward/hopper_convolution.cuh"
#include "kernels/mbconv_forward/hopper_few_images.h"

namespace cf::kernels::mbconv_hopper {

inline constexpr int kFewThreads = 256, kFewWarps = kFewThreads / kLanes;

template <class T>
struct FewArguments {
  CUtensorMap u;        // [pixels][hidden]
  CUtensorMap project;  // [channels][hidden]
  CUtensorMap squeeze;  // [squeezed][hidden]
  CUtensorMap excite;   // [hidden][squeezed]
  const float* sums;    // of u over the pixels [images][hidden]
  const float *squeeze_bias, *excite_bias, *project_bias;
  const T* x;
  T* y;
  int image_pixels, channels, hidden, squeezed;
  float share;  // of a pixel in the mean
  MBConvFewTiling tiling;
};

// Of a block that adds to 64 pixels by kColumns channels.
template <class T, int kColumns>
class FewGates {
  using Tiling = MBConvFewTiling;

 public:
  __device__ __forceinline__ FewGates(const FewArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        tiling_(arguments.tiling),
        shared_(shared),
        base_(shared_address(shared)),
        rank_(cluster_rank()),
        warp_(static_cast<int>(threadIdx.x) / kLanes),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        image_(static_cast<int>(blockIdx.z)),
        first_pixel_(static_cast<int>(blockIdx.x) / Tiling::kBlocks * Tiling::kRows),
        first_channel_(static_cast<int>(blockIdx.y) * kColumns),
        first_hidden_(rank_ * arguments.tiling.depth()) {}

 protected:
  static constexpr int kGateTiles = Tiling::kMostRows / 16 / kFewWarps;  // of hidden channels, of a warp
  enum Barrier { kGateWeights, kProjectWeights, kHidden, kBarriers };

  __device__ __forceinline__ std::uint32_t barrier(Barrier which) const {
    return base_ + tiling_.barriers() + which * 8;
  }
  template <class Value>
  __device__ __forceinline__ Value& word(int offset) const {
    return *reinterpret_cast<Value*>(shared_ + offset);
  }

  __device__ __forceinline__ void load_gate_biases() {
    const int squeezed = static_cast<int>(threadIdx.x) * 2;
    if (squeezed < a_.squeezed) {
      squeeze_bias_ = *reinterpret_cast<const float2*>(a_.squeeze_bias + squeezed);
    }
#pragma unroll
    for (int i = 0; i < kGateTiles; ++i) {
#pragma unroll
      for (int lower = 0; lower < 2; ++lower) {
        const int channel = first_hidden_ + gate_of_lane(i, lower);
        excite_bias_[i][lower] = channel < a_.hidden ? a_.excite_bias[channel] : 0;
      }
    }
  }

  __device__ __forceinline__ void pool() const {
    for (int i = threadIdx.x; i < tiling_.depth() / 2; i += kFewThreads) {
      const int channel = first_hidden_ + i * 2;
      float2 sum{};
      if (channel < a_.hidden) {
        sum = *reinterpret_cast<const float2*>(a_.sums + std::int64_t{image_} * a_.hidden + channel);
      }
      word<std::uint32_t>(tiling_.pooled() + i * 4) = round_pair<T>(sum.x * a_.share, sum.y * a_.share);
    }
  }

  // Sixteen rows of weights in shared memory by a vector of whole blocks of 64: rows lane / 4 and
  // lane / 4 + 8. The vector is the first column of the product, the others are zeros.
  __device__ __forceinline__ float2 multiply_vector(int rows, int block_bytes, int vector, int blocks) const {
    const int row = lane_ % 16;
    float sum[2][4] = {};
    for (int block = 0; block < blocks; ++block) {
#pragma unroll
      for (int step = 0; step < 4; ++step) {
        MatrixA weights;
        load_matrix_a(base_ + rows + block * block_bytes + offset_of(row, step * 2 + lane_ / 16), weights);
        const int terms = vector + block * kRowBytes + step * 32 + lane_ * 4;
        const std::uint32_t upper = lane_ < 4 ? word<const std::uint32_t>(terms) : 0,
                            lower = lane_ < 4 ? word<const std::uint32_t>(terms + 16) : 0;
        multiply_add<T>(sum[step % 2], weights, upper, lower);
      }
    }
    return {sum[0][0] + sum[1][0], sum[0][2] + sum[1][2]};  // of lanes 0, 4, ...
  }

  // This block's part of the squeezed channels, to all blocks.
  __device__ __forceinline__ void squeeze() const {
    for (int tile = warp_; tile < tiling_.squeezed_rows / 16; tile += kFewWarps) {
      const float2 sum =
          multiply_vector(tiling_.squeeze() + tile * 16 * kRowBytes, tiling_.squeezed_rows * kRowBytes,
                          tiling_.pooled(), tiling_.depth_blocks);
      const float upper = __shfl_sync(0xffffffffU, sum.x, lane_ & ~3),
                  lower = __shfl_sync(0xffffffffU, sum.y, lane_ & ~3);
      float* const to =
          &word<float>(tiling_.squeezed_parts()) + rank_ * tiling_.squeezed_rows + tile * 16 + lane_ / 4;
#pragma unroll
      for (int rank = 0; rank < Tiling::kBlocks; rank += 4) {
        store_at(to, rank + lane_ % 4, upper);
        store_at(to + 8, rank + lane_ % 4, lower);
      }
    }
  }

  // A thread's two.
  __device__ __forceinline__ void finish_squeezed() const {
    const int d = static_cast<int>(threadIdx.x) * 2;
    if (d >= tiling_.squeezed_blocks * Tiling::kBlock) return;
    float2 sum{};
    if (d < a_.squeezed) {
      sum = squeeze_bias_;
      for (int rank = 0; rank < Tiling::kBlocks; ++rank) {
        const auto part =
            word<const float2>(tiling_.squeezed_parts() + (rank * tiling_.squeezed_rows + d) * 4);
        sum.x += part.x;
        sum.y += part.y;
      }
    }
    word<std::uint32_t>(tiling_.squeezed() + d * 2) = rectify_pair<T>(sum.x, sum.y);
  }

  __device__ __forceinline__ int gate_of_lane(int tile, int lower) const {
    return (warp_ + tile * kFewWarps) * 16 + lane_ / 4 + lower * 8;
  }

  // The gates of the block's hidden channels.
  __device__ __forceinline__ void excite() const {
#pragma unroll
    for (int i = 0; i < kGateTiles; ++i) {
      const int first = (warp_ + i * kFewWarps) * 16;
      if (first >= tiling_.depth()) break;
      const float2 sum = multiply_vector(tiling_.excite() + first * kRowBytes, tiling_.depth() * kRowBytes,
                                         tiling_.squeezed(), tiling_.squeezed_blocks);
      if (lane_ % 4 == 0) {
        const auto put = [&](int lower, float value) {
          word<T>(tiling_.gate() + gate_of_lane(i, lower) * 2) =
              from_float<T>(1 / (1 + __expf(-(value + excite_bias_[i][lower]))));
        };
        put(0, sum.x);
        put(1, sum.y);
      }
    }
  }

  const FewArguments<T>& a_;
  const Tiling& tiling_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int rank_, warp_, lane_;
  const int image_, first_pixel_, first_channel_, first_hidden_;

 private:
  float2 squeeze_bias_{};
  float excite_bias_[kGateTiles][2];
};

}  // namespace cf::kernels::mbconv_hopper
