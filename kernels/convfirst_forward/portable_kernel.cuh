// The portable route of convfirst at place Cuda: mma.sync, ldmatrix and cp.async, compute capability 8.0.
//
// The block has the shape of attention without softmax: a warp keeps 16 * fragments pixels in registers from
// the convolution to the result. The convolution's sums, rounded, are A fragments of the first product; its
// sums, rectified and rounded, are A fragments of the second, whose sums start from x and the bias. Only x
// and the weights pass through shared memory; while the products run, the next tile of x arrives.
#pragma once

#include "kernels/base/named_barrier.cuh"
#include "kernels/convfirst_forward/portable_convolution.cuh"

namespace cf::kernels::convfirst_portable {

template <class T, class Tile>
class Worker : Convolution<T, Tile> {
 public:
  using Base = Convolution<T, Tile>;
  using Base::Base;

  __device__ __forceinline__ void run() {
    const auto teams = static_cast<std::uint32_t>(a_.tiling.teams);
    const std::uint32_t tiles = (a_.pixels + a_.tiling.tile_pixels - 1) / a_.tiling.tile_pixels;
    const std::uint32_t stride = gridDim.x * teams;
    std::uint32_t first = blockIdx.x * teams;  // tile of the block's first team
    prepare(first + team_);
    // In a ring the teams meet at every turn, so that all of them stay until the last has no tile.
    for (; (resident() ? first + team_ : first) < tiles; first += stride) {
      const std::uint32_t pixel = (first + team_) * a_.tiling.tile_pixels;
      wait_for_tile();
      if constexpr (kConvolves) {
        convolve(pixel);
        start_sums();
      } else {
        load_rows();
      }
      if (resident()) {
        team_barrier();
        load_tile(first + stride + team_);
        commit_copies();
      }
      for (int chunk = 0; chunk < a_.tiling.chunks; ++chunk) {
        if (!resident() && (chunk & (a_.tiling.turn - 1)) == 0) turn_ring(chunk, first + stride + team_);
        multiply_chunk(chunk, slot_);
        slot_ = slot_ + 1 == a_.tiling.slots * a_.tiling.turn ? 0 : slot_ + 1;
      }
      store(pixel);
    }
  }

 private:
  using Base::a_;
  using Base::base_;
  using Base::convolve;
  using Base::copies_;
  using Base::kChannels;
  using Base::kChunk;
  using Base::kChunkBytes;
  using Base::kConvolves;
  using Base::kExpandBytes;
  using Base::kFragments;
  using Base::kHiddenSteps;
  using Base::kPixelBytes;
  using Base::kProjectRowBytes;
  using Base::kSteps;
  using Base::kWhole;
  using Base::lane_;
  using Base::layout_;
  using Base::shared_;
  using Base::team_;
  using Base::tile_start_;
  using Base::u_;
  using Base::warp_;

  __device__ __forceinline__ bool resident() const { return a_.tiling.resident(); }

  // Everything that stays, the first tile, and the weights: all, or all but one slot of the ring, a group
  // each.
  __device__ __forceinline__ void prepare(std::uint32_t first_tile) {
    copies_.load_constants();
    copies_.clear_padding();
    load_tile(first_tile);
    const int turn = a_.tiling.turn, ahead = resident() ? a_.tiling.chunks : (a_.tiling.slots - 1) * turn;
    for (int chunk = 0; chunk < ahead; ++chunk) {
      copies_.load_chunk(chunk, chunk);
      if (!resident() && ((chunk + 1) & (turn - 1)) == 0) commit_copies();
    }
    if (!resident()) return;
    commit_copies();
    wait_for_copies<0>();
    __syncthreads();
  }

  __device__ __forceinline__ void load_tile(std::uint32_t index) {
    copies_.load_tile(index, tile_start_, warp_ * kLanes + lane_);
  }

  // --- waiting

  __device__ __forceinline__ void team_barrier() { named_barrier(1 + team_, a_.tiling.team_warps * kLanes); }

  // The tile, and in a ring its first chunk, have arrived.
  __device__ __forceinline__ void wait_for_tile() {
    if (resident()) {
      wait_for_copies<0>();
      team_barrier();
    } else {
      wait_for_slot();
    }
  }

  // Each turn of the ring closes one group, so that all but the last slots - 2 hold what is wanted now.
  __device__ __forceinline__ void wait_for_slot() {
    if (a_.tiling.slots == 2) {
      wait_for_copies<0>();
    } else {
      wait_for_copies<1>();
    }
    __syncthreads();
  }

  // What this turn needs has arrived and no warp reads what the last one needed nor, at the first turn, its
  // tile.
  __device__ __forceinline__ void turn_ring(int chunk, std::uint32_t next_tile) {
    wait_for_slot();
    if (chunk == 0) load_tile(next_tile);
    const int turn = a_.tiling.turn, ahead = (a_.tiling.slots - 1) * turn;
    const int wanted = chunk + ahead < a_.tiling.chunks ? chunk + ahead : chunk + ahead - a_.tiling.chunks;
    const int slot = slot_ == 0 ? ahead : slot_ - turn;
    for (int i = 0; i < turn; ++i) copies_.load_chunk(wanted + i, slot + i);
    commit_copies();
  }

  // --- without a convolution

  __device__ __forceinline__ void load_rows() {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      const int pixel = (warp_ * kFragments + m) * 16 + lane_ % 16;
      const std::uint32_t row = base_ + tile_start_ + pixel * kPixelBytes + lane_ / 16 * 16;
#pragma unroll
      for (int s = 0; s < kSteps; ++s) load_matrix_a(row + s * 32, u_[m][s]);
#pragma unroll
      for (auto& sums : sum_[m]) sums[0] = sums[1] = sums[2] = sums[3] = 0;
    }
  }

  // --- the products

  // The pixel of row `half` of the lane's fragment m, in the tile.
  __device__ __forceinline__ int pixel_of(int m, int half) const {
    return (warp_ * kFragments + m) * 16 + lane_ / 4 + half * 8;
  }

  // sum = x + project_bias.
  __device__ __forceinline__ void start_sums() {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int x = tile_start_ + (a_.tiling.row_stride + 1 + pixel_of(m, half)) * kPixelBytes;
#pragma unroll
        for (int b = 0; b < kWhole; ++b) start_pack<8>(m, half, x, b * 32);
        if constexpr (kChannels % 32 != 0) start_pack<4>(m, half, x, kWhole * 32);
      }
    }
  }

  // The lane's kShare channels of the block of columns at `column`.
  template <int kShare>
  __device__ __forceinline__ void start_pack(int m, int half, int x, int column) {
    const int channel = column + lane_ % 4 * kShare;
    const auto values = *reinterpret_cast<const Pack<T, kShare>*>(shared_ + x + channel * 2);
#pragma unroll
    for (int i = 0; i < kShare; i += 2) {
      const float2 bias = Base::template floats<float2>(layout_.project_bias + (channel + i) * 4);
      sum_[m][(column + i * 4) / 8][half * 2] = to_float(values.value[i]) + bias.x;
      sum_[m][(column + i * 4) / 8][half * 2 + 1] = to_float(values.value[i + 1]) + bias.y;
    }
  }

  // sum += project relu(expand u + bias) over one chunk of hidden channels.
  __device__ __forceinline__ void multiply_chunk(int chunk, int slot) {
    const std::uint32_t weights = base_ + layout_.slots + slot * kChunkBytes;
    const int row = lane_ % 8 + lane_ / 16 * 8, depth = lane_ / 8 % 2 * 16;  // of the matrices, bytes
    const std::uint32_t expand = weights + row * kPixelBytes + depth;
    const std::uint32_t project = weights + kExpandBytes + row * kProjectRowBytes;
    const int swizzle = Tile::get().project_swizzle(row) * 16;  // the same for row + 16
    const int bias = layout_.expand_bias + (chunk * kChunk + lane_ % 4 * 4) * 4;
#pragma unroll
    for (int step = 0; step < kHiddenSteps; ++step) {
      MatrixA hidden[kFragments];
      expand_step(expand + step * 16 * kPixelBytes, Base::template floats<float4>(bias + step * 64), hidden);
      project_step(project + ((step * 32 + depth) ^ swizzle), hidden);
    }
  }

  // 16 hidden channels.
  __device__ __forceinline__ void expand_step(std::uint32_t weights, const float4& bias,
                                              MatrixA (&hidden)[kFragments]) {
    float left[kFragments][4], right[kFragments][4];
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      std::uint32_t w[4];
      load_matrices<Rows::AsRows>(weights + s * 32, w[0], w[1], w[2], w[3]);
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
        if (s == 0) {
          multiply_add<T>(left[m], {bias.x, bias.y, bias.x, bias.y}, u_[m][s], w[0], w[1]);
          multiply_add<T>(right[m], {bias.z, bias.w, bias.z, bias.w}, u_[m][s], w[2], w[3]);
        } else {
          multiply_add<T>(left[m], u_[m][s], w[0], w[1]);
          multiply_add<T>(right[m], u_[m][s], w[2], w[3]);
        }
      }
    }
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      hidden[m].upper_left = rectify_pair<T>(left[m][0], left[m][1]);
      hidden[m].lower_left = rectify_pair<T>(left[m][2], left[m][3]);
      hidden[m].upper_right = rectify_pair<T>(right[m][0], right[m][1]);
      hidden[m].lower_right = rectify_pair<T>(right[m][2], right[m][3]);
    }
  }

  __device__ __forceinline__ void project_step(std::uint32_t weights, const MatrixA (&hidden)[kFragments]) {
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      std::uint32_t w[4];
      load_matrices<Rows::AsRows>(weights + s * 16 * kProjectRowBytes, w[0], w[1], w[2], w[3]);
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
        multiply_add<T>(sum_[m][2 * s], hidden[m], w[0], w[1]);
        multiply_add<T>(sum_[m][2 * s + 1], hidden[m], w[2], w[3]);
      }
    }
  }

  __device__ __forceinline__ void store(std::uint32_t first_pixel) {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t pixel = first_pixel + pixel_of(m, half);
        if (pixel >= a_.pixels) continue;
        T* y = a_.y + static_cast<std::int64_t>(pixel) * a_.channels;
#pragma unroll
        for (int b = 0; b < kWhole; ++b) store_pack_of<8>(m, half, y, b * 32);
        if constexpr (kChannels % 32 != 0) store_pack_of<4>(m, half, y, kWhole * 32);
      }
    }
  }

  template <int kShare>
  __device__ __forceinline__ void store_pack_of(int m, int half, T* y, int column) {
    const int channel = column + lane_ % 4 * kShare;
    if (channel >= a_.channels) return;
    Pack<std::uint32_t, kShare / 2> pack;
#pragma unroll
    for (int i = 0; i < kShare / 2; ++i) {
      const float(&sum)[4] = sum_[m][column / 8 + i];
      pack.value[i] = round_pair<T>(sum[half * 2], sum[half * 2 + 1]);
    }
    *reinterpret_cast<Pack<std::uint32_t, kShare / 2>*>(y + channel) = pack;
  }

  int slot_ = 0;
  float sum_[kFragments][2 * kSteps][4];  // of y, by permuted column
};

// The tile as a type: nvcc 13.0 cannot name a kernel whose template argument is a struct's value.
template <int kChannels>
struct TileOf {
  static constexpr ConvFirstTile get() { return convfirst_tile(kChannels); }
};
template <int kChannels>
struct FeedForwardTileOf {
  static constexpr ConvFirstTile get() { return feed_forward_tile(kChannels); }
};

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::get().warps* kLanes, 1)
    convfirst_kernel(const __grid_constant__ Arguments<T> arguments) {
  extern __shared__ __align__(16) unsigned char shared[];
  Worker<T, Tile>(arguments, shared).run();
}

}  // namespace cf::kernels::convfirst_portable
