// The Hopper route's du: what a team computes of its 64 pixels. Pixels are rows: u and dp stay in registers
// as A of the first products, dh as A of the second; B are chunks of the weights. A chunk of expand serves
// twice, depth contiguous for h and columns contiguous for du, project once, columns contiguous.
#pragma once

#include "kernels/base/named_barrier.cuh"
#include "kernels/base/tensor_copy.cuh"
#include "kernels/base/wgmma.cuh"
#include "kernels/feed_forward_backward/hidden_gradient.cuh"
#include "kernels/feed_forward_backward/hopper_tiling.h"

namespace cf::kernels::feed_forward_backward {

struct InputArguments {
  CUtensorMap u, dp, du;        // [pixels][channels]
  CUtensorMap expand, project;  // [hidden][channels], [channels][hidden]
  const float* expand_bias;
  int tiles, hidden;  // a tile has the pixels of all teams
};

// Position of hidden channel e in shared memory's expand_bias: in each 16, the four of a lane together.
__device__ inline int position_of_bias(int e) {
  const int i = e % 16;
  return e - i + i % 8 / 2 * 4 + i / 8 * 2 + i % 2;
}

template <class T, class Tile>
class InputTeam {
 public:
  __device__ __forceinline__ InputTeam(const InputArguments& arguments, unsigned char* shared)
      : a_(arguments),
        layout_(Tile::get(), arguments.hidden),
        shared_(shared),
        base_(shared_address(shared)),
        team_(__shfl_sync(0xffffffffU, static_cast<int>(threadIdx.x) / kTeamThreads, 0)),
        warp_(static_cast<int>(threadIdx.x) / 32 % 4),
        lane_(static_cast<int>(threadIdx.x) % 32),
        chunks_(Tile::get().chunks(arguments.hidden)) {}

 protected:
  static constexpr int kChannels = Tile::get().channels, kChunk = Tile::get().chunk,
                       kTeams = Tile::get().teams, kRing = Tile::get().ring;
  static constexpr int kRowBytes = Tile::get().row_bytes(), kColumnBlocks = Tile::get().column_blocks(),
                       kTileBytes = Tile::get().tile_bytes(), kWeightBytes = Tile::get().weight_bytes(),
                       kChunkBytes = Tile::get().chunk_bytes();
  static constexpr int kProjectRowBytes = kChunk * 2;
  static constexpr int kSteps = kChannels / 16, kHiddenSteps = kChunk / 16;

  __device__ __forceinline__ void load_bias() const {
    for (int e = threadIdx.x; e < chunks_ * kChunk; e += Tile::get().threads()) {
      *reinterpret_cast<float*>(shared_ + layout_.bias + position_of_bias(e) * 4) =
          e < a_.hidden ? a_.expand_bias[e] : 0;
    }
  }

  // --- copies, by one thread

  __device__ __forceinline__ std::uint32_t barrier(int index) const {
    return base_ + layout_.barriers + index * 8;
  }
  // Of a team: u, dp, du.
  __device__ __forceinline__ std::uint32_t tile_at(int team, int matrix) const {
    return base_ + layout_.tiles + (team * 3 + matrix) * kTileBytes;
  }
  __device__ __forceinline__ int first_pixel(int tile, int team) const {
    return (tile * kTeams + team) * kTeamRows;
  }

  __device__ __forceinline__ void copy_pixels(int tile, int team, std::uint32_t arrived) const {
    expect_bytes(arrived, 2 * kTileBytes);
#pragma unroll
    for (int block = 0; block < kColumnBlocks; ++block) {
      const int offset = block * kTeamRows * kRowBytes, channel = block * kRowBytes / 2;
      copy_tensor(tile_at(team, 0) + offset, a_.u, arrived, channel, first_pixel(tile, team));
      copy_tensor(tile_at(team, 1) + offset, a_.dp, arrived, channel, first_pixel(tile, team));
    }
  }

  __device__ __forceinline__ void copy_chunk(int chunk, int slot, std::uint32_t arrived) const {
    const std::uint32_t to = base_ + slot * kChunkBytes;
#pragma unroll
    for (int block = 0; block < kColumnBlocks; ++block) {
      copy_tensor(to + block * kChunk * kRowBytes, a_.expand, arrived, block * kRowBytes / 2, chunk * kChunk);
    }
    copy_tensor(to + kWeightBytes, a_.project, arrived, chunk * kChunk, 0);
  }

  // --- the products

  // The lane's address in a tile of its team: of a row of 16 channels of A, or of what stmatrix stores.
  __device__ __forceinline__ std::uint32_t fragment_at(int matrix, int step) const {
    const int row = warp_ * 16 + lane_ % 16, along = step * 32 % kRowBytes;
    const int swizzle = (kRowBytes == 64 ? row / 2 % 4 : row % 8) * 16;
    return tile_at(team_, matrix) + step * 32 / kRowBytes * kTeamRows * kRowBytes + row * kRowBytes +
           ((lane_ / 16 * 16 + along) ^ swizzle);
  }

  __device__ __forceinline__ void load_pixels() {
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      load_matrix_a(fragment_at(0, s), u_[s]);
      load_matrix_a(fragment_at(1, s), dp_[s]);
    }
#pragma unroll
    for (int i = 0; i < kChannels / 8; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) du_[i][j] = 0;
    }
  }

  __device__ __forceinline__ void start_hidden(int chunk) {
    const unsigned char* bias = shared_ + layout_.bias + (chunk * kChunk + lane_ % 4 * 4) * 4;
#pragma unroll
    for (int s = 0; s < kHiddenSteps; ++s) {
      const auto values = *reinterpret_cast<const float4*>(bias + s * 64);
      h_[2 * s][0] = h_[2 * s][2] = values.x;
      h_[2 * s][1] = h_[2 * s][3] = values.y;
      h_[2 * s + 1][0] = h_[2 * s + 1][2] = values.z;
      h_[2 * s + 1][1] = h_[2 * s + 1][3] = values.w;
    }
  }

  __device__ __forceinline__ void pin_hidden() {
    warpgroup_pin(h_);
    warpgroup_pin(da_);
  }

  // h and da of the chunk whose descriptors start here, asynchronously.
  __device__ __forceinline__ void compute_hidden(std::uint32_t chunk) {
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const int along = s * 32 % kRowBytes, block = s * 32 / kRowBytes;
      const std::uint32_t expand = chunk + (block * kChunk * kRowBytes + along) / 16;
      const std::uint32_t project = chunk + (kWeightBytes + s * 16 * kProjectRowBytes) / 16;
      warpgroup_multiply<T>(h_, u_[s], descriptor_from<kRowBytes>(expand));
      if (s == 0) {
        warpgroup_multiply<T, Contiguous::Columns, Sum::Starts>(da_, dp_[s],
                                                                descriptor_from<kProjectRowBytes>(project));
      } else {
        warpgroup_multiply<T, Contiguous::Columns>(da_, dp_[s], descriptor_from<kProjectRowBytes>(project));
      }
    }
  }

  __device__ __forceinline__ void round_gradient(MatrixA (&dh)[kHiddenSteps]) const {
#pragma unroll
    for (int s = 0; s < kHiddenSteps; ++s) {
      MatrixA a;
      round_hidden<T>(h_[2 * s], h_[2 * s + 1], da_[2 * s], da_[2 * s + 1], a, dh[s]);
    }
  }

  // du += expand' dh of a chunk, asynchronously.
  __device__ __forceinline__ void add_gradient(std::uint32_t chunk, const MatrixA (&dh)[kHiddenSteps]) {
    constexpr std::uint32_t kNextColumns = kChunk * kRowBytes / 16 - 1;  // blocks are 1 apart by depth
#pragma unroll
    for (int s = 0; s < kHiddenSteps; ++s) {
      const std::uint32_t expand = chunk + (kNextColumns << 16) + s * 16 * kRowBytes / 16;
      warpgroup_multiply<T, Contiguous::Columns>(du_, dh[s], descriptor_from<kRowBytes>(expand));
    }
  }

  __device__ __forceinline__ void team_barrier() const { named_barrier(1 + team_, kTeamThreads); }
  __device__ __forceinline__ bool leads_team() const { return threadIdx.x % kTeamThreads == 0; }

  __device__ __forceinline__ void store(int tile) const {
    if (leads_team()) wait_for_tensor_stores();
    team_barrier();
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const float(&left)[4] = du_[2 * s], (&right)[4] = du_[2 * s + 1];
      store_matrices(fragment_at(2, s), round_pair<T>(left[0], left[1]), round_pair<T>(left[2], left[3]),
                     round_pair<T>(right[0], right[1]), round_pair<T>(right[2], right[3]));
    }
    fence_for_warpgroups();  // the copy engine reads shared memory as they do
    team_barrier();
    if (!leads_team()) return;
#pragma unroll
    for (int block = 0; block < kColumnBlocks; ++block) {
      store_tensor(tile_at(team_, 2) + block * kTeamRows * kRowBytes, a_.du, block * kRowBytes / 2,
                   first_pixel(tile, team_));
    }
    commit_tensor_stores();
  }

  const InputArguments& a_;
  const InputLayout layout_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int team_, warp_, lane_, chunks_;
  MatrixA u_[kSteps], dp_[kSteps];
  float h_[kChunk / 8][4], da_[kChunk / 8][4], du_[kChannels / 8][4];
};

}  // namespace cf::kernels::feed_forward_backward
