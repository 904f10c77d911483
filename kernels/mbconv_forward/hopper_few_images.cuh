// Gates and second half of mbconv's Hopper route at place Cuda in one kernel, for a batch of few images,
// where each step is a chain of latencies. A cluster of eight blocks has 64 pixels of an image by 64 or 128
// channels, each block an eighth of the hidden channels. All weights that it needs are on their way before
// the kernel ahead has ended. Twice the blocks add what they have: the squeezed channels, which every cluster
// computes for itself (hopper_few_gates.cuh), and y.
#pragma once

#include "kernels/base/device_types.cuh"
#include "kernels/mbconv_forward/hopper_few_gates.cuh"
#include "kernels/mbconv_forward/portable_project.cuh"

namespace cf::kernels::mbconv_hopper {

template <class T, int kColumns>
class FewWorker : FewGates<T, kColumns> {
  using Base = FewGates<T, kColumns>;

 public:
  using Base::Base;

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
  using Base::a_;
  using Base::barrier;
  using Base::base_;
  using Base::excite;
  using Base::finish_squeezed;
  using Base::first_channel_;
  using Base::first_hidden_;
  using Base::first_pixel_;
  using Base::image_;
  using Base::kGateWeights;
  using Base::kHidden;
  using Base::kProjectWeights;
  using Base::lane_;
  using Base::load_gate_biases;
  using Base::pool;
  using Base::rank_;
  using Base::squeeze;
  using Base::tiling_;
  using Base::warp_;
  using typename Base::Barrier;
  using Tiling = MBConvFewTiling;

  static constexpr int kTiles = kColumns / 16;               // of eight channels, of a warp
  static constexpr int kPairs = kColumns * 4 / kFewThreads;  // of channels of y, of a thread

  // --- what does not wait for the kernel before

  __device__ __forceinline__ void prepare() {
    if (threadIdx.x == 0) {
      for (const Barrier which : {kGateWeights, kProjectWeights, kHidden}) init_barrier(barrier(which), 1);
      fence_barriers();
      load_weights();
    }
    load_gate_biases();
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
        apply(this->template word<const std::uint32_t>(gate),
              this->template word<const std::uint32_t>(gate + 16), u);
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
        store_at(&this->template word<float2>(part_of(rank_, lane_ / 4, column + i * 8 + lane_ % 4 * 2)),
                 rank, {sum[i][lower * 2], sum[i][lower * 2 + 1]});
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
        const auto part = this->template word<const float2>(part_of(rank, pair.row, pair.column));
        sum.x += part.x;
        sum.y += part.y;
      }
      *reinterpret_cast<std::uint32_t*>(a_.y + pair.index) = round_pair<T>(sum.x, sum.y);
    }
  }

  float2 start_[kPairs]{};
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
