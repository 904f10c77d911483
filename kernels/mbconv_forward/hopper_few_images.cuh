// Gates and second half of mbconv's Hopper route at place Cuda in one kernel, for a batch of few images,
// where each step is a chain of latencies. A cluster of eight blocks has 64 pixels of an image by 64 or 128
// channels, each block an eighth of the hidden channels. All weights that it needs are on their way before
// the kernel ahead has ended. Twice the blocks add what they have: the squeezed channels, which every cluster
// computes for itself, and y.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/mbconv_forward/hopper_convolution.cuh"
#include "kernels/mbconv_forward/hopper_few_images.h"
#include "kernels/mbconv_forward/portable_project.cuh"

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

template <class T, int kColumns>
class FewWorker {
 public:
  __device__ __forceinline__ FewWorker(const FewArguments<T>& arguments, unsigned char* shared)
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

  __device__ __forceinline__ void run() {
    start_next_kernel();
    prepare();
    wait_for_last_kernel();
    if (threadIdx.x == 0) load_u();
    load_x();
    pool();
    __syncthreads();
    wait_for_phase(barrier(kGateWeights), 0);
    squeeze();
    cluster_barrier();
    finish_squeezed();
    __syncthreads();
    excite();
    __syncthreads();
    wait_for_phase(barrier(kProjectWeights), 0);
    wait_for_phase(barrier(kHidden), 0);
    multiply();
    cluster_barrier();
    store();
  }

 private:
  using Tiling = MBConvFewTiling;
  static constexpr int kTiles = kColumns / 16;                           // of eight channels, of a warp
  static constexpr int kPairs = kColumns * 4 / kFewThreads;              // of channels of y, of a thread
  static constexpr int kGateTiles = Tiling::kMostRows / 16 / kFewWarps;  // of hidden channels, of a warp
  enum Barrier { kGateWeights, kProjectWeights, kHidden, kBarriers };

  __device__ __forceinline__ std::uint32_t barrier(Barrier which) const {
    return base_ + tiling_.barriers() + which * 8;
  }
  template <class Value>
  __device__ __forceinline__ Value& word(int offset) const {
    return *reinterpret_cast<Value*>(shared_ + offset);
  }

  // --- what does not wait for the kernel before

  __device__ __forceinline__ void prepare() {
    if (threadIdx.x == 0) {
      for (const Barrier which : {kGateWeights, kProjectWeights, kHidden}) init_barrier(barrier(which), 1);
      fence_barriers();
      load_weights();
    }
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
    cluster_barrier();  // all blocks run, so that their shared memories may be written
  }

  __device__ __forceinline__ void load_weights() const {
    expect_bytes(barrier(kGateWeights), tiling_.squeeze_bytes() + tiling_.excite_bytes());
    for (int i = 0; i < tiling_.depth_blocks; ++i) {
      copy_tensor(base_ + tiling_.squeeze() + i * tiling_.squeezed_rows * kRowBytes, a_.squeeze,
                  barrier(kGateWeights), first_hidden_ + i * Tiling::kBlock, 0);
    }
    for (int i = 0; i < tiling_.squeezed_blocks; ++i) {
      copy_tensor(base_ + tiling_.excite() + i * tiling_.depth() * kRowBytes, a_.excite,
                  barrier(kGateWeights), i * Tiling::kBlock, first_hidden_);
    }
    expect_bytes(barrier(kProjectWeights), tiling_.project_bytes());
    for (int i = 0; i < tiling_.depth_blocks; ++i) {
      copy_tensor(base_ + tiling_.project() + i * kColumns * kRowBytes, a_.project, barrier(kProjectWeights),
                  first_hidden_ + i * Tiling::kBlock, first_channel_);
    }
  }

  // --- what does

  // Rows behind the image are another's or zeros; no y comes of them.
  __device__ __forceinline__ void load_u() const {
    expect_bytes(barrier(kHidden), tiling_.project());
    for (int i = 0; i < tiling_.depth_blocks; ++i) {
      copy_tensor(base_ + i * Tiling::kRows * kRowBytes, a_.u, barrier(kHidden),
                  first_hidden_ + i * Tiling::kBlock, image_ * a_.image_pixels + first_pixel_);
    }
  }

  // Two neighbouring channels of y that this thread finishes.
  struct Pair {
    int row, column;     // of the block's eight pixels, of the cluster's channels
    std::int64_t index;  // in y; -1: outside
  };
  __device__ __forceinline__ Pair pair_of(int number) const {
    const int i = number * kFewThreads + static_cast<int>(threadIdx.x);
    const int row = i / (kColumns / 2), column = i % (kColumns / 2) * 2;
    const int pixel = first_pixel_ + rank_ * 8 + row, channel = first_channel_ + column;
    const bool inside = pixel < a_.image_pixels && channel < a_.channels;
    return {row, column,
            inside ? (std::int64_t{image_} * a_.image_pixels + pixel) * a_.channels + channel : -1};
  }

  // What y starts from: x + bias.
  __device__ __forceinline__ void load_x() {
#pragma unroll
    for (int i = 0; i < kPairs; ++i) {
      const Pair pair = pair_of(i);
      if (pair.index < 0) continue;
      const auto x = load_pack<T, 2>(a_.x + pair.index);
      const float* const bias = a_.project_bias + first_channel_ + pair.column;
      start_[i] = {to_float(x.value[0]) + bias[0], to_float(x.value[1]) + bias[1]};
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

  // A warp has 16 pixels by half of the channels. Its sums go to the two blocks that finish these pixels.
  __device__ __forceinline__ void multiply() const {
    const int row = warp_ % 4 * 16, column = warp_ / 4 * (kColumns / 2);
    float sum[kTiles][4] = {};
    for (int block = 0; block < tiling_.depth_blocks; ++block) {
#pragma unroll
      for (int step = 0; step < 4; ++step) {
        MatrixA u;
        load_matrix_a(
            base_ + block * Tiling::kRows * kRowBytes + offset_of(row + lane_ % 16, step * 2 + lane_ / 16),
            u);
        const int gate = tiling_.gate() + block * kRowBytes + step * 32 + lane_ % 4 * 4;
        apply(word<const std::uint32_t>(gate), word<const std::uint32_t>(gate + 16), u);
        const std::uint32_t weights =
            base_ + tiling_.project() + block * kColumns * kRowBytes +
            offset_of(column + lane_ / 16 * 8 + lane_ % 8, step * 2 + lane_ / 8 % 2);
#pragma unroll
        for (int i = 0; i < kTiles; i += 2) {
          std::uint32_t w[4];
          load_matrices<Rows::AsRows>(weights + i * 8 * kRowBytes, w[0], w[1], w[2], w[3]);
          multiply_add<T>(sum[i], u, w[0], w[1]);
          multiply_add<T>(sum[i + 1], u, w[2], w[3]);
        }
      }
    }
#pragma unroll
    for (int lower = 0; lower < 2; ++lower) {
      const int rank = row / 8 + lower;
      if (first_pixel_ + rank * 8 >= a_.image_pixels) break;
#pragma unroll
      for (int i = 0; i < kTiles; ++i) {
        store_at(&word<float2>(part_of(rank_, lane_ / 4, column + i * 8 + lane_ % 4 * 2)), rank,
                 {sum[i][lower * 2], sum[i][lower * 2 + 1]});
      }
    }
  }

  static __device__ __forceinline__ void apply(std::uint32_t left, std::uint32_t right, MatrixA& u) {
    using mbconv_portable::multiply_pair;
    u.upper_left = multiply_pair<T>(u.upper_left, left);
    u.lower_left = multiply_pair<T>(u.lower_left, left);
    u.upper_right = multiply_pair<T>(u.upper_right, right);
    u.lower_right = multiply_pair<T>(u.lower_right, right);
  }

  __device__ __forceinline__ int part_of(int rank, int row, int column) const {
    return tiling_.parts() + ((rank * 8 + row) * kColumns + column) * 4;
  }

  __device__ __forceinline__ void store() const {
#pragma unroll
    for (int i = 0; i < kPairs; ++i) {
      const Pair pair = pair_of(i);
      if (pair.index < 0) continue;
      float2 sum = start_[i];
#pragma unroll
      for (int rank = 0; rank < Tiling::kBlocks; ++rank) {
        const auto part = word<const float2>(part_of(rank, pair.row, pair.column));
        sum.x += part.x;
        sum.y += part.y;
      }
      *reinterpret_cast<std::uint32_t*>(a_.y + pair.index) = round_pair<T>(sum.x, sum.y);
    }
  }

  const FewArguments<T>& a_;
  const Tiling& tiling_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int rank_, warp_, lane_;
  const int image_, first_pixel_, first_channel_, first_hidden_;
  float2 squeeze_bias_{}, start_[kPairs]{};
  float excite_bias_[kGateTiles][2];
};

template <class T, int kColumns>
__global__ void __launch_bounds__(kFewThreads, 1)
    mbconv_hopper_few_images_kernel(const __grid_constant__ FewArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  FewWorker<T, kColumns>(arguments, shared).run();
#else
  __trap();  // never chosen, see hopper_route.cuh
#endif
}

}  // namespace cf::kernels::mbconv_hopper
