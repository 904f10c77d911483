// The portable route of feed_forward's backward pass at place Cuda: mma.sync, ldmatrix and cp.async, compute
// capability 8.0.
//
// Two kernels that compute h and da, the second with pixels and hidden channels exchanged:
//
//                  rows of a block stay   columns pass by    sums
//   Role::Input    pixels                 hidden channels    du
//   Role::Weights  hidden channels        pixels             dexpand, dproject transposed, dexpand_bias
//
// A row and a column give h by u and expand, da by dp and project transposed. What h and da become, rounded,
// are fragments of A of the next products, whose B are the columns again.
#pragma once

#include "kernels/base/async_copy.cuh"
#include "kernels/base/device_types.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/feed_forward_backward/hidden_gradient.cuh"
#include "kernels/feed_forward_backward/partial_sums.h"

namespace cf::kernels::feed_forward_backward {

enum class Role { Input, Weights };

// A pair of matrices [count][channels], one behind h and one behind da.
template <class T>
struct Operands {
  const T *for_h, *for_da;
  int count;
};

template <class T>
struct PortableArguments {
  Operands<T> rows, columns;
  const float* expand_bias;
  T* du;                // Role::Input
  PartialSums partial;  // Role::Weights; of slices of the columns
  int channels;
};

struct PortableTile {
  int channels;  // C is padded to this with zeros
  int warps;     // of a block, each with 16 rows
  int columns;   // that pass by at a time

  constexpr int rows() const { return warps * 16; }
  constexpr int row_bytes() const { return channels * 2 + 16; }  // 8 rows lie in different banks
  constexpr int stage_bytes() const { return 2 * columns * row_bytes(); }
  constexpr int shared_bytes() const { return 2 * rows() * row_bytes() + 2 * stage_bytes(); }
};

inline constexpr int kPortableMostChannels = 192;

// At most 99 KB of shared memory, what Ampere and Ada grant a block.
constexpr PortableTile portable_tile(int padded_channels) {
  return {.channels = padded_channels,
          .warps = padded_channels <= 128 ? 8 : 4,
          .columns = padded_channels <= 64 ? 32 : 16};
}

template <int kChannels>
struct PortableTileOf {
  static constexpr PortableTile get() { return portable_tile(kChannels); }
  static_assert(get().shared_bytes() <= 99 * 1024);
};

template <class T, class Tile, Role kRole>
class PortableWorker {
 public:
  __device__ PortableWorker(const PortableArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        base_(shared_address(shared)),
        warp_(static_cast<int>(threadIdx.x) / 32),
        lane_(static_cast<int>(threadIdx.x) % 32) {}

  __device__ void run() {
    const int row_blocks = (a_.rows.count + kRows - 1) / kRows;
    const int slices = kRole == Role::Weights ? a_.partial.slices : 1;
    for (int piece = static_cast<int>(blockIdx.x); piece < row_blocks * slices;
         piece += static_cast<int>(gridDim.x)) {
      first_row_ = piece % row_blocks * kRows;
      add_columns(piece / row_blocks, slices);
      store(piece / row_blocks);
    }
  }

 private:
  static constexpr int kChannels = Tile::get().channels, kRows = Tile::get().rows(),
                       kColumns = Tile::get().columns, kRowBytes = Tile::get().row_bytes(),
                       kStageBytes = Tile::get().stage_bytes(), kThreads = Tile::get().warps * 32;
  static constexpr int kSteps = kChannels / 16;

  // --- copies to shared memory: rows behind h, rows behind da, two stages of columns

  __device__ std::uint32_t rows_at(int matrix) const { return base_ + matrix * kRows * kRowBytes; }
  __device__ std::uint32_t columns_at(int stage, int matrix) const {
    return rows_at(2) + stage * kStageBytes + matrix * kColumns * kRowBytes;
  }

  // Rows [first, first + kCount) of both matrices, zeros beyond their ends.
  template <int kCount>
  __device__ void load(const Operands<T>& from, int first, std::uint32_t to) const {
    constexpr int kPieces = kChannels / 8;  // of 16 bytes in a row
    for (int i = static_cast<int>(threadIdx.x); i < 2 * kCount * kPieces; i += kThreads) {
      const int row = i / kPieces, piece = i % kPieces, matrix = row / kCount;
      const std::int64_t index = first + row % kCount;
      const bool valid = index < from.count && piece * 8 < a_.channels;
      const T* start = matrix == 0 ? from.for_h : from.for_da;
      copy_async_16(to + row * kRowBytes + piece * 16,
                    valid ? start + index * a_.channels + piece * 8 : start, valid);
    }
  }

  // The columns of one slice, a stage being loaded while the other is used.
  __device__ void add_columns(int slice, int slices) {
    const int stages = (a_.columns.count + kColumns - 1) / kColumns;
    const int first = static_cast<int>(std::int64_t{stages} * slice / slices);
    const int last = static_cast<int>(std::int64_t{stages} * (slice + 1) / slices);
    clear();
    load<kRows>(a_.rows, first_row_, rows_at(0));
    load<kColumns>(a_.columns, first * kColumns, columns_at(0, 0));
    commit_copies();
    for (int i = first; i < last; ++i) {
      const int stage = (i - first) % 2;
      if (i + 1 < last) load<kColumns>(a_.columns, (i + 1) * kColumns, columns_at(1 - stage, 0));
      commit_copies();
      wait_for_copies<1>();
      __syncthreads();
#pragma unroll
      for (int column = 0; column < kColumns; column += 16) multiply(i * kColumns, column, stage);
      __syncthreads();
    }
    wait_for_copies<0>();
    __syncthreads();
  }

  // --- the products of the warp's 16 rows and 16 columns

  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < kChannels / 8; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        first_sum_[i][j] = 0;
        if constexpr (kRole == Role::Weights) second_sum_[i][j] = 0;
      }
    }
    bias_sum_[0] = bias_sum_[1] = 0;
  }

  __device__ float bias_of(int e) const {
    const int hidden = kRole == Role::Input ? a_.columns.count : a_.rows.count;
    return e < hidden ? a_.expand_bias[e] : 0;
  }

  // h of 16 x 16, as two sums of 8 columns: starts from the bias of the hidden channel.
  __device__ void start_hidden(int first_column, float (&h)[2][4]) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        h[half][j] = bias_of(kRole == Role::Input ? first_column + half * 8 + lane_ % 4 * 2 + j % 2
                                                  : first_row_ + warp_ * 16 + lane_ / 4 + j / 2 * 8);
      }
    }
  }

  __device__ void multiply(int first_column, int column, int stage) {
    const std::uint32_t row = (warp_ * 16 + lane_ % 16) * kRowBytes + lane_ / 16 * 16;
    const std::uint32_t by_depth = (column + lane_ % 8 + lane_ / 16 * 8) * kRowBytes + lane_ / 8 % 2 * 16;
    const std::uint32_t by_column = (column + lane_ % 16) * kRowBytes + lane_ / 16 * 16;
    float h[2][4], da[2][4] = {};
    start_hidden(first_column + column, h);
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      multiply_step(rows_at(0) + row + s * 32, columns_at(stage, 0) + by_depth + s * 32, h);
      multiply_step(rows_at(1) + row + s * 32, columns_at(stage, 1) + by_depth + s * 32, da);
    }
    MatrixA a, dh;
    round_hidden<T>(h[0], h[1], da[0], da[1], a, dh);
    if constexpr (kRole == Role::Weights) add_rows(a, da[0], da[1], bias_sum_);
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      add_product(dh, columns_at(stage, 0) + by_column + s * 32, first_sum_[2 * s], first_sum_[2 * s + 1]);
      if constexpr (kRole == Role::Weights) {
        add_product(a, columns_at(stage, 1) + by_column + s * 32, second_sum_[2 * s], second_sum_[2 * s + 1]);
      }
    }
  }

  // sum += rows columns' over 16 channels.
  __device__ void multiply_step(std::uint32_t row, std::uint32_t columns, float (&sum)[2][4]) const {
    MatrixA a;
    std::uint32_t b[4];
    load_matrix_a(row, a);
    load_matrices<Rows::AsRows>(columns, b[0], b[1], b[2], b[3]);
    multiply_add<T>(sum[0], a, b[0], b[1]);
    multiply_add<T>(sum[1], a, b[2], b[3]);
  }

  // 16 channels of sum += a columns.
  __device__ void add_product(const MatrixA& a, std::uint32_t columns, float (&left)[4],
                              float (&right)[4]) const {
    std::uint32_t b[4];
    load_matrices<Rows::AsColumns>(columns, b[0], b[1], b[2], b[3]);
    multiply_add<T>(left, a, b[0], b[1]);
    multiply_add<T>(right, a, b[2], b[3]);
  }

  // --- results

  __device__ void store(int slice) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = first_row_ + warp_ * 16 + lane_ / 4 + half * 8;
      if constexpr (kRole == Role::Weights) store_bias(slice, row, bias_sum_[half]);
      if (row >= a_.rows.count) continue;
      const std::int64_t first = std::int64_t{row} * a_.channels;
#pragma unroll
      for (int i = 0; i < kChannels / 8; ++i) {
        const int channel = i * 8 + lane_ % 4 * 2;
        if (i * 8 >= a_.channels) continue;
        const float* values = first_sum_[i] + half * 2;
        if constexpr (kRole == Role::Input) {
          *reinterpret_cast<std::uint32_t*>(a_.du + first + channel) = round_pair<T>(values[0], values[1]);
        } else {
          const std::int64_t to = std::int64_t{slice} * a_.rows.count * a_.channels + first + channel;
          store_pack<float, 2>(a_.partial.dexpand + to, {values[0], values[1]});
          store_pack<float, 2>(a_.partial.dproject + to,
                               {second_sum_[i][half * 2], second_sum_[i][half * 2 + 1]});
        }
      }
    }
  }

  __device__ void store_bias(int slice, int row, float sum) const {
    sum = quad_sum(sum);
    if (lane_ % 4 == 0 && row < a_.rows.count) {
      a_.partial.dexpand_bias[std::int64_t{slice} * a_.rows.count + row] = sum;
    }
  }

  const PortableArguments<T>& a_;
  const std::uint32_t base_;
  const int warp_, lane_;
  int first_row_ = 0;  // of the block
  float first_sum_[kChannels / 8][4];
  float second_sum_[kRole == Role::Weights ? kChannels / 8 : 1][4];
  float bias_sum_[2];
};

template <class T, class Tile, Role kRole>
__global__ void __launch_bounds__(Tile::get().warps * 32)
    portable_kernel(const __grid_constant__ PortableArguments<T> arguments) {
  extern __shared__ __align__(1024) unsigned char shared[];  // declared alike for all routes
  PortableWorker<T, Tile, kRole>(arguments, shared).run();
}

// transposed[e][c] = project[c][e].
template <class T>
__global__ void transpose_kernel(const T* project, int channels, int hidden, T* transposed) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < channels * hidden) transposed[i] = project[i % channels * hidden + i / channels];
}

}  // namespace cf::kernels::feed_forward_backward
