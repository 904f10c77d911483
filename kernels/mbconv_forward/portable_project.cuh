// The second half of mbconv's portable route at place Cuda: y = x + project (gate u) + bias. A block computes
// 128 channels of 128 pixels by mma.sync; u is gated on its way through registers to shared memory.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "kernels/mbconv_forward/portable_hidden.cuh"

namespace cf::kernels::mbconv_portable {

inline constexpr int kTile = 128;  // pixels and channels of a block
inline constexpr int kTileBytes = kTile * kRowBytes;
inline constexpr int kProjectBytes = 4 * kTileBytes;

template <class T>
struct ProjectArguments {
  const T *x, *u, *gate, *project;
  const float* bias;
  T* y;
  std::uint32_t pixels, image_pixels;
  int channels, hidden;
};

template <class T>
__device__ inline std::uint32_t multiply_pair(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product;
  if constexpr (std::is_same_v<T, Half>) {
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(product) : "r"(a), "r"(b));
  } else {
    asm("{.reg .b32 zero; mov.b32 zero, 0x80008000; fma.rn.bf16x2 %0, %1, %2, zero;}"
        : "=r"(product)
        : "r"(a), "r"(b));
  }
  return product;
}

template <class T>
class ProjectWorker {
 public:
  __device__ __forceinline__ ProjectWorker(const ProjectArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        shared_(shared),
        base_(shared_address(shared)),
        warp_(static_cast<int>(threadIdx.x) / kLanes),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        row_(static_cast<int>(threadIdx.x) / kPieces),
        piece_(static_cast<int>(threadIdx.x) % kPieces),
        first_pixel_(blockIdx.x * kTile),
        first_channel_(static_cast<int>(blockIdx.y) * kTile) {}

  __device__ __forceinline__ void run() {
    const int chunks = (a_.hidden + kDepth - 1) / kDepth;
    fetch_hidden(0);
    load_weights(0, 0);
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const int slot = chunk % 2;
      put_gated(slot);
      wait_for_copies<0>();
      __syncthreads();
      if (chunk + 1 < chunks) {
        load_weights(chunk + 1, slot ^ 1);
        fetch_hidden(chunk + 1);
      }
      multiply_chunk(base_ + slot * 2 * kTileBytes);
    }
    store();
  }

 private:
  static constexpr int kStep = kThreads / kPieces, kRows = kTile / kStep;  // rows a thread copies
  static constexpr int kFragments = 2, kColumns = 64;                      // of a warp
  using Words = Pack<std::uint32_t, 4>;

  __device__ __forceinline__ void fetch_hidden(int chunk) {
    const int channel = chunk * kDepth + piece_ * 8;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const std::uint32_t pixel = first_pixel_ + row_ + i * kStep;
      hidden_[i] = gate_[i] = Words{};
      if (pixel >= a_.pixels || channel >= a_.hidden) continue;
      const std::int64_t image = pixel / a_.image_pixels;
      hidden_[i] = words_at(a_.u + std::int64_t{pixel} * a_.hidden + channel);
      gate_[i] = words_at(a_.gate + image * a_.hidden + channel);
    }
  }

  static __device__ __forceinline__ Words words_at(const T* from) {
    return *reinterpret_cast<const Words*>(from);
  }

  __device__ __forceinline__ void put_gated(int slot) const {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      Words gated;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        gated.value[j] = multiply_pair<T>(hidden_[i].value[j], gate_[i].value[j]);
      }
      *reinterpret_cast<Words*>(shared_ + slot * 2 * kTileBytes + offset_of(row_ + i * kStep, piece_)) =
          gated;
    }
  }

  // Rows of project by column: a thread's columns 2t, 2t+1 of every 8 of a product are 8 neighbouring
  // channels for every 32 columns.
  __device__ __forceinline__ void load_weights(int chunk, int slot) const {
    const int channel = chunk * kDepth + piece_ * 8;
    const std::uint32_t to = base_ + slot * 2 * kTileBytes + kTileBytes;
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int row = row_ + i * kStep;
      const int column = row / 32 * 32 + row % 8 / 2 * 8 + row % 32 / 8 * 2 + row % 2;
      const bool valid = first_channel_ + row < a_.channels && channel < a_.hidden;
      const std::int64_t offset = valid ? std::int64_t{first_channel_ + row} * a_.hidden + channel : 0;
      copy_async_16(to + offset_of(column, piece_), a_.project + offset, valid);
    }
    commit_copies();
  }

  __device__ __forceinline__ int first_row() const { return warp_ / 2 * 16 * kFragments; }
  __device__ __forceinline__ int first_column() const { return warp_ % 2 * kColumns; }

  __device__ __forceinline__ void multiply_chunk(std::uint32_t slot) {
#pragma unroll
    for (int step = 0; step < kDepth / 16; ++step) {
      MatrixA u[kFragments];
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
        load_matrix_a(slot + offset_of(first_row() + m * 16 + lane_ % 16, step * 2 + lane_ / 16), u[m]);
      }
#pragma unroll
      for (int n = 0; n < kColumns / 16; ++n) {
        std::uint32_t w[4];
        const int row = first_column() + n * 16 + lane_ % 8 + lane_ / 16 * 8;
        load_matrices<Rows::AsRows>(slot + kTileBytes + offset_of(row, step * 2 + lane_ / 8 % 2), w[0], w[1],
                                    w[2], w[3]);
#pragma unroll
        for (int m = 0; m < kFragments; ++m) {
          multiply_add<T>(sum_[m][2 * n], u[m], w[0], w[1]);
          multiply_add<T>(sum_[m][2 * n + 1], u[m], w[2], w[3]);
        }
      }
    }
  }

  __device__ __forceinline__ void store() const {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t pixel = first_pixel_ + first_row() + m * 16 + half * 8 + lane_ / 4;
        if (pixel >= a_.pixels) continue;
#pragma unroll
        for (int block = 0; block < kColumns / 32; ++block) {
          const int channel = first_channel_ + first_column() + block * 32 + lane_ % 4 * 8;
          if (channel >= a_.channels) continue;
          const std::int64_t offset = std::int64_t{pixel} * a_.channels + channel;
          const auto x = load_pack<T, 8>(a_.x + offset);
          Words pack;
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float(&sum)[4] = sum_[m][block * 4 + i];
            const float2 bias = *reinterpret_cast<const float2*>(a_.bias + channel + i * 2);
            pack.value[i] = round_pair<T>(to_float(x.value[2 * i]) + bias.x + sum[half * 2],
                                          to_float(x.value[2 * i + 1]) + bias.y + sum[half * 2 + 1]);
          }
          *reinterpret_cast<Words*>(a_.y + offset) = pack;
        }
      }
    }
  }

  const ProjectArguments<T>& a_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int warp_, lane_, row_, piece_;
  const std::uint32_t first_pixel_;
  const int first_channel_;
  Words hidden_[kRows], gate_[kRows];
  float sum_[kFragments][kColumns / 8][4] = {};
};

template <class T>
__global__ void __launch_bounds__(kThreads, 2)
    mbconv_project_kernel(const __grid_constant__ ProjectArguments<T> arguments) {
  extern __shared__ __align__(16) unsigned char shared[];
  ProjectWorker<T>(arguments, shared).run();
}

}  // namespace cf::kernels::mbconv_portable
