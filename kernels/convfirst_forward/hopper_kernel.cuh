// The Hopper route of convfirst at place Cuda: the two products by wgmma with A from registers, x and the
// weights brought by the copy engine, the convolution by mma.sync as in the portable route
// (portable_kernel.cuh).
//
// Each team, one warpgroup, goes through its tiles on its own: while one convolves, the others keep the
// tensor cores busy. In a ring the last warp that has read a slot has it filled again, so that nobody waits
// for a barrier of all.
#pragma once

#include "kernels/base/async_copy.cuh"
#include "kernels/base/device_types.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/base/named_barrier.cuh"
#include "kernels/base/tensor_copy.cuh"
#include "kernels/base/wgmma.cuh"
#include "kernels/convfirst_forward/hopper_tiling.h"
#include "kernels/convfirst_forward/portable_copies.cuh"

namespace cf::kernels::convfirst_hopper {

using convfirst_portable::kGroup;
using convfirst_portable::kLanes;
using convfirst_portable::kTaps;
using convfirst_portable::position_of_hidden;

inline constexpr int kTeamWarps = 4, kTeamThreads = kTeamWarps * kLanes;
inline constexpr int kFilterRowBytes = kTaps * kGroup * 2;

template <class T>
struct Arguments {
  CUtensorMap x;        // [pixels][channels], for patches [n][height][width][channels]
  CUtensorMap expand;   // [hidden][channels]
  CUtensorMap project;  // [t][channels][hidden], t = 0 ... 3 eight channels apart
  const T* conv;
  const float *conv_bias, *expand_bias, *project_bias;
  T* y;
  int hidden;
  std::uint32_t pixels, height, width;
  HopperTiling tiling;
};

template <class T, class Tile>
class Worker {
 public:
  __device__ __forceinline__ Worker(const Arguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        layout_(Tile::get(), arguments.tiling),
        shared_(shared),
        base_(shared_address(shared)),
        warp_(static_cast<int>(threadIdx.x) / kLanes % kTeamWarps),
        team_(static_cast<int>(threadIdx.x) / kTeamThreads),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        tile_(base_ + layout_.tiles + team_ * kTileBlocks * arguments.tiling.block_bytes),
        convolved_(base_ + layout_.convolved + team_ * Tile::get().convolved_bytes()) {}

  __device__ __forceinline__ void run() {
    const auto teams = static_cast<std::uint32_t>(a_.tiling.teams);
    const std::uint32_t tiles = (a_.pixels + a_.tiling.tile_pixels - 1) / a_.tiling.tile_pixels;
    const std::uint32_t stride = gridDim.x * teams;
    std::uint32_t first = blockIdx.x * teams;  // tile of the block's first team
    const std::uint32_t rounds = (tiles - first + stride - 1) / stride;
    left_ = static_cast<int>(rounds) * a_.tiling.chunks - a_.tiling.slots;
    prepare(first + team_, tiles);
    int phase = 0;
    // In a ring every team reads every chunk of every round, with or without a tile.
    for (; (kRing ? first : first + team_) < tiles; first += stride, phase ^= 1) {
      const std::uint32_t pixel = (first + team_) * a_.tiling.tile_pixels;
      if (first + team_ < tiles) wait_for_phase(tile_barrier(), phase);
      if constexpr (kPatches) {
        convolve_patches(phase);
      } else {
        convolve(pixel);
      }
      start_sums();
      named_barrier(1 + team_, kTeamThreads);
      if (first + stride + team_ < tiles && threadIdx.x % kTeamThreads == 0)
        load_tile(first + stride + team_);
      if constexpr (kPatches) load_convolved(phase);
      if constexpr (kRing) {
        for (int chunk = 0; chunk < a_.tiling.chunks; ++chunk) multiply_slot(chunk);
      } else {
        multiply_all();
      }
      store(pixel);
    }
  }

 private:
  static constexpr int kChannels = Tile::get().channels, kFragments = Tile::get().fragments;
  static constexpr int kChunk = HopperTile::kChunk, kChunkBytes = Tile::get().chunk_bytes(),
                       kExpandBytes = Tile::get().expand_bytes();
  static constexpr int kRowBytes = Tile::get().row_bytes(), kColumnBlocks = Tile::get().column_blocks();
  static constexpr bool kRing = Tile::get().ring, kPatches = Tile::get().patches;
  static constexpr int kTileBlocks = kPatches ? kFragments : kColumnBlocks;  // of shared memory
  static constexpr int kSteps = kChannels / 16, kHiddenSteps = kChunk / 16;  // depth of the two products
  static constexpr int kGroups = kChannels / kGroup, kOwnGroups = kGroups / kTeamWarps;

  // --- copies

  __device__ __forceinline__ std::uint32_t tile_barrier() const {
    return base_ + layout_.barriers + team_ * 8;
  }
  __device__ __forceinline__ std::uint32_t slot_barrier(int slot) const {
    return base_ + layout_.barriers + (a_.tiling.teams + slot) * 8;
  }

  __device__ __forceinline__ void prepare(std::uint32_t first_tile, std::uint32_t tiles) {
    if (threadIdx.x == 0) {
      for (int i = 0; i < a_.tiling.teams + a_.tiling.slots; ++i)
        init_barrier(base_ + layout_.barriers + i * 8, 1);
      fence_barriers();
    }
    load_constants();
    __syncthreads();
    if constexpr (kPatches) load_own_taps();
    if (first_tile < tiles && threadIdx.x % kTeamThreads == 0) load_tile(first_tile);
    if (threadIdx.x == 0) {
      for (int slot = 0; slot < a_.tiling.slots; ++slot) load_chunk(slot, slot);
    }
  }

  // The filter, the biases, the zero pixels, the counters.
  __device__ __forceinline__ void load_constants() {
    for (int i = threadIdx.x; i < kChannels * kTaps; i += blockDim.x) {
      *reinterpret_cast<uint4*>(shared_ + layout_.filter + i * 16) =
          *reinterpret_cast<const uint4*>(a_.conv + i * kGroup);
    }
    for (int c = threadIdx.x; c < kChannels; c += blockDim.x) {
      word<float>(layout_.conv_bias + c * 4) = a_.conv_bias[c];
      word<float>(layout_.project_bias + c * 4) = a_.project_bias[c];
    }
    for (int e = threadIdx.x; e < a_.tiling.chunks * kChunk; e += blockDim.x) {
      word<float>(layout_.expand_bias + position_of_hidden(e) * 4) = e < a_.hidden ? a_.expand_bias[e] : 0;
    }
    constexpr int kWords = kRowBytes / 4;
    for (int i = threadIdx.x; i < a_.tiling.teams * kColumnBlocks * kWords; i += blockDim.x) {
      word<float>(layout_.tiles + i / kWords * a_.tiling.block_bytes + a_.tiling.run_pixels * kRowBytes +
                  i % kWords * 4) = 0;
    }
    for (int i = threadIdx.x; i < a_.tiling.slots; i += blockDim.x) word<int>(layout_.counters + i * 4) = 0;
  }

  // By one thread of the team.
  __device__ __forceinline__ void load_tile(std::uint32_t index) {
    expect_bytes(tile_barrier(), kTileBlocks * a_.tiling.run_pixels * kRowBytes);
    const auto first = static_cast<int>(index * a_.tiling.tile_pixels) - static_cast<int>(a_.width) - 1;
#pragma unroll
    for (int block = 0; block < kTileBlocks; ++block) {
      const std::uint32_t to = tile_ + block * a_.tiling.block_bytes;
      if constexpr (kPatches) {
        const Patch patch = patch_at(index * kFragments + block);
        copy_tensor(to, a_.x, tile_barrier(), 0, patch.column - 1, patch.row - 1, patch.image);
      } else {
        copy_tensor(to, a_.x, tile_barrier(), block * 64, first);
      }
    }
  }

  // The first pixel of a patch; one behind the last image is a patch of zeros.
  struct Patch {
    int image, row, column;
  };
  __device__ __forceinline__ Patch patch_at(std::uint32_t index) const {
    const std::uint32_t across = a_.width / HopperTile::kPatch, down = a_.height / HopperTile::kPatch;
    const std::uint32_t line = index / across, image = line / down;
    return {static_cast<int>(image), static_cast<int>(line - image * down) * HopperTile::kPatch,
            static_cast<int>(index - line * across) * HopperTile::kPatch};
  }

  // By one thread. Rows of expand; rows of project permuted so that column 8 j + 2 t + i of every 32 columns
  // is channel 8 t + 2 j + i: a thread's columns 2t, 2t+1 of each product then are 8 neighbouring channels.
  __device__ __forceinline__ void load_chunk(int chunk, int slot) {
    const std::uint32_t to = base_ + slot * kChunkBytes, barrier = slot_barrier(slot);
    expect_bytes(barrier, kChunkBytes);
#pragma unroll
    for (int block = 0; block < kColumnBlocks; ++block) {
      copy_tensor(to + block * kChunk * kRowBytes, a_.expand, barrier, block * 64, chunk * kChunk);
    }
#pragma unroll
    for (int column = 0; column < kChannels; column += 8) {
      copy_tensor(to + kExpandBytes + column * 128, a_.project, barrier, chunk * kChunk,
                  column / 32 * 32 + column % 32 / 4, 0);
    }
  }

  // The warp has read the slot for the last time; the last of the block has it filled again.
  __device__ __forceinline__ void release_slot(int chunk) {
    __syncwarp();
    if (lane_ == 0) {
      __threadfence_block();
      int& readers = word<int>(layout_.counters + slot_ * 4);
      if (atomicAdd(&readers, 1) == a_.tiling.teams * kTeamWarps - 1) {
        readers = 0;
        __threadfence_block();
        const int next = chunk + a_.tiling.slots;
        if (left_ > 0) load_chunk(next < a_.tiling.chunks ? next : next - a_.tiling.chunks, slot_);
      }
    }
    --left_;
    if (++slot_ == a_.tiling.slots) {
      slot_ = 0;
      slot_phase_ ^= 1;
    }
  }

  // --- the convolution

  // Offset of a pixel of a tile; the 16-byte piece of a group is XORed into it.
  static __device__ __forceinline__ std::uint32_t offset_of(int pixel) {
    if constexpr (kRowBytes == 64) return pixel * 64 ^ pixel / 2 % 4 * 16;
    return pixel * 128 ^ pixel % 8 * 16;
  }
  __device__ __forceinline__ std::uint32_t at_group(std::uint32_t address, int group) const {
    return (address ^ group % 8 * 16) + group / 8 * a_.tiling.block_bytes;
  }

  // Shared addresses of the lane's row of A for two taps at a time, see the portable route.
  __device__ __forceinline__ void find_taps(std::uint32_t first_pixel,
                                            std::uint32_t (&address)[kFragments][5]) const {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      const int i = first_row(m) + lane_ % 16;
      const std::uint32_t pixel = first_pixel + i, row = pixel / a_.width;
      const std::uint32_t column = pixel - row * a_.width, line = row % a_.height;
#pragma unroll
      for (int j = 0; j < 5; ++j) {
        const int tap = j == 4 ? 8 : 2 * j + lane_ / 16, r = tap / 3, s = tap % 3;
        const bool inside =
            pixel < a_.pixels && line + r - 1 < a_.height && column + s - 1 < a_.width;  // -1 wraps around
        address[m][j] =
            tile_ + offset_of(inside ? i + r * static_cast<int>(a_.width) + s : a_.tiling.run_pixels);
      }
    }
  }

  __device__ __forceinline__ void load_taps(int group, std::uint32_t (&taps)[kTaps]) const {
    const std::uint32_t row = base_ + layout_.filter + (group * kGroup + lane_ % 8) * kFilterRowBytes;
    const std::uint32_t quarter = row + lane_ / 8 * 16;
    load_matrices<Rows::AsRows>(quarter, taps[0], taps[1], taps[2], taps[3]);
    load_matrices<Rows::AsRows>(quarter + 64, taps[4], taps[5], taps[6], taps[7]);
    load_matrices<Rows::AsRows>(row + 128, taps[8]);
  }

  __device__ __forceinline__ void convolve(std::uint32_t first_pixel) {
    std::uint32_t address[kFragments][5];
    find_taps(first_pixel, address);
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
      std::uint32_t taps[kTaps];
      load_taps(g, taps);
      const float2 bias = word<float2>(layout_.conv_bias + (g * kGroup + lane_ % 4 * 2) * 4);
#pragma unroll
      for (int m = 0; m < kFragments; ++m) {
        float sum[4] = {bias.x, bias.y, bias.x, bias.y};
        MatrixA pair;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          load_matrix_a(at_group(address[m][j], g), pair);
          multiply_add<T>(sum, pair, taps[2 * j], taps[2 * j + 1]);
        }
        load_matrices<Rows::AsRows>(at_group(address[m][4], g), pair.upper_left, pair.lower_left);
        multiply_add<T>(sum, pair.upper_left, pair.lower_left, taps[8]);
        MatrixA& u = u_[m][g / 2];
        (g % 2 == 0 ? u.upper_left : u.upper_right) = round_pair<T>(sum[0], sum[1]);
        (g % 2 == 0 ? u.lower_left : u.lower_right) = round_pair<T>(sum[2], sum[3]);
      }
    }
  }

  // --- the convolution of patches: each warp has some groups of all pixels, whose filters stay in registers,
  // and passes the result on through shared memory. A tap one row below is what the next row has loaded
  // already.

  __device__ __forceinline__ void load_own_taps() {
#pragma unroll
    for (int i = 0; i < kOwnGroups; ++i) load_taps(warp_ * kOwnGroups + i, own_taps_[i]);
  }

  __device__ __forceinline__ void convolve_patches(int phase) {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int i = 0; i < kOwnGroups; ++i) convolve_group(m, warp_ * kOwnGroups + i, own_taps_[i], phase);
    }
  }

  __device__ __forceinline__ std::uint32_t convolved_at(int m, int phase) const {
    return convolved_ + (phase * kFragments + m) * 64 * kRowBytes;
  }

  __device__ __forceinline__ void convolve_group(int m, int group, const std::uint32_t (&taps)[kTaps],
                                                 int phase) {
    constexpr int kSide = HopperTile::kPatch + 2, kMatrices = kSide * 3;
    std::uint32_t rows[kMatrices + 2];  // matrix 3 r + s: eight pixels of row r from column s on
    const std::uint32_t patch = tile_ + m * a_.tiling.block_bytes;
#pragma unroll
    for (int j = 0; j < kMatrices; j += 4) {
      const int matrix = min(j + lane_ / 8, kMatrices - 1);
      const std::uint32_t address =
          at_group(patch + offset_of(matrix / 3 * kSide + matrix % 3 + lane_ % 8), group);
      load_matrices<Rows::AsRows>(address, rows[j], rows[j + 1], rows[j + 2], rows[j + 3]);
    }
    const auto bias = word<float2>(layout_.conv_bias + (group * kGroup + lane_ % 4 * 2) * 4);
    float sum[4][4];
    const auto row = [&](int i, int tap) { return rows[(2 * i + tap / 3) * 3 + tap % 3]; };
    const auto next = [&](int i, int tap) { return rows[(2 * i + 1 + tap / 3) * 3 + tap % 3]; };
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const MatrixA a{row(i, 0), next(i, 0), row(i, 1), next(i, 1)};
      multiply_add<T>(sum[i], {bias.x, bias.y, bias.x, bias.y}, a, taps[0], taps[1]);
    }
#pragma unroll
    for (int tap = 2; tap < kTaps - 1; tap += 2) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const MatrixA a{row(i, tap), next(i, tap), row(i, tap + 1), next(i, tap + 1)};
        multiply_add<T>(sum[i], a, taps[tap], taps[tap + 1]);
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) multiply_add<T>(sum[i], row(i, 8), next(i, 8), taps[8]);
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
      const std::uint32_t address = convolved_at(m, phase) + offset_of(i * 16 + lane_);
      store_matrices(address ^ group * 16, round_pair<T>(sum[i][0], sum[i][1]),
                     round_pair<T>(sum[i][2], sum[i][3]), round_pair<T>(sum[i + 1][0], sum[i + 1][1]),
                     round_pair<T>(sum[i + 1][2], sum[i + 1][3]));
    }
  }

  __device__ __forceinline__ void load_convolved(int phase) {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      const std::uint32_t row =
          convolved_at(m, phase) + (offset_of(warp_ * 16 + lane_ % 16) ^ lane_ / 16 * 16);
#pragma unroll
      for (int s = 0; s < kSteps; ++s) load_matrix_a(row ^ s * 32, u_[m][s]);
    }
  }

  // --- the products

  // The warp's first pixel of fragment m, in the tile.
  __device__ __forceinline__ int first_row(int m) const { return m * 64 + warp_ * 16; }

  // Offset of x at the pixel of row `half` of the lane's part of fragment m.
  __device__ __forceinline__ std::uint32_t center_of(int m, int half) const {
    if constexpr (kPatches) {
      const int line = warp_ * 2 + half, column = lane_ / 4;
      return tile_ - base_ + m * a_.tiling.block_bytes +
             offset_of((line + 1) * (HopperTile::kPatch + 2) + column + 1);
    }
    return tile_ - base_ + offset_of(static_cast<int>(a_.width) + 1 + first_row(m) + lane_ / 4 + half * 8);
  }

  // sum = x + project_bias.
  __device__ __forceinline__ void start_sums() {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t x = center_of(m, half);
#pragma unroll
        for (int column = 0; column < kChannels; column += 32) {
          const int channel = column + lane_ % 4 * 8;
          const auto values = word<const Pack<T, 8>>(at_group(x, channel / kGroup));
#pragma unroll
          for (int i = 0; i < 8; i += 2) {
            const float2 bias = word<float2>(layout_.project_bias + (channel + i) * 4);
            sum_[m][column / 8 + i / 2][half * 2] = to_float(values.value[i]) + bias.x;
            sum_[m][column / 8 + i / 2][half * 2 + 1] = to_float(values.value[i + 1]) + bias.y;
          }
        }
      }
    }
  }

  __device__ __forceinline__ void start_hidden(int chunk, float (&hidden)[kChunk / 8][4]) const {
    const int bias = layout_.expand_bias + (chunk * kChunk + lane_ % 4 * 4) * 4;
#pragma unroll
    for (int step = 0; step < kHiddenSteps; ++step) {
      const auto values = word<float4>(bias + step * 64);
      hidden[2 * step][0] = hidden[2 * step][2] = values.x;
      hidden[2 * step][1] = hidden[2 * step][3] = values.y;
      hidden[2 * step + 1][0] = hidden[2 * step + 1][2] = values.z;
      hidden[2 * step + 1][1] = hidden[2 * step + 1][3] = values.w;
    }
  }

  __device__ __forceinline__ void rectify(const float (&hidden)[kChunk / 8][4],
                                          MatrixA (&rectified)[kHiddenSteps]) const {
#pragma unroll
    for (int step = 0; step < kHiddenSteps; ++step) {
      const float(&left)[4] = hidden[2 * step], (&right)[4] = hidden[2 * step + 1];
      rectified[step].upper_left = rectify_pair<T>(left[0], left[1]);
      rectified[step].lower_left = rectify_pair<T>(left[2], left[3]);
      rectified[step].upper_right = rectify_pair<T>(right[0], right[1]);
      rectified[step].lower_right = rectify_pair<T>(right[2], right[3]);
    }
  }

  // hidden += expand u of fragment m, asynchronously.
  __device__ __forceinline__ void expand(int m, std::uint32_t weights, float (&hidden)[kChunk / 8][4]) const {
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const auto b = matrix_descriptor<kRowBytes>(weights + s / 4 * kChunk * kRowBytes + s % 4 * 32);
      warpgroup_multiply<T>(hidden, u_[m][s], b);
    }
    warpgroup_commit();
  }

  // sum += project hidden of fragment m, asynchronously.
  __device__ __forceinline__ void project(int m, std::uint32_t weights,
                                          const MatrixA (&rectified)[kHiddenSteps]) {
#pragma unroll
    for (int step = 0; step < kHiddenSteps; ++step) {
      const auto b = matrix_descriptor<128>(weights + kExpandBytes + step * 32);
      warpgroup_multiply<T>(sum_[m], rectified[step], b);
    }
    warpgroup_commit();
  }

  // All chunks at hand, one fragment after the other: a chunk's projection runs beside the next one's
  // expansion.
  __device__ __forceinline__ void multiply_all() {
    if (slot_ == 0) {
      for (; slot_ < a_.tiling.slots; ++slot_) wait_for_phase(slot_barrier(slot_), 0);
    }
    const int last = a_.tiling.chunks - 1;
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
      float hidden[kChunk / 8][4];
      MatrixA rectified[kHiddenSteps];
      start_hidden(0, hidden);
      warpgroup_pin(hidden);
      warpgroup_fence();
      expand(m, base_, hidden);
      warpgroup_wait<0>();
      warpgroup_pin(hidden);
      for (int chunk = 0; chunk < last; ++chunk) {
        const std::uint32_t weights = base_ + chunk * kChunkBytes;
        rectify(hidden, rectified);
        start_hidden(chunk + 1, hidden);
        warpgroup_pin(hidden);
        warpgroup_pin(sum_[m]);
        warpgroup_fence();
        project(m, weights, rectified);
        expand(m, weights + kChunkBytes, hidden);
        warpgroup_wait<0>();
        warpgroup_pin(hidden);
        warpgroup_pin(sum_[m]);
      }
      rectify(hidden, rectified);
      warpgroup_pin(sum_[m]);
      warpgroup_fence();
      project(m, base_ + last * kChunkBytes, rectified);
      warpgroup_wait<0>();
      warpgroup_pin(sum_[m]);
    }
  }

  // The chunk in the next slot of the ring.
  __device__ __forceinline__ void multiply_slot(int chunk) {
    const std::uint32_t weights = base_ + slot_ * kChunkBytes;
    float hidden[kChunk / 8][4];
    MatrixA rectified[kHiddenSteps];
    start_hidden(chunk, hidden);
    wait_for_phase(slot_barrier(slot_), slot_phase_);
    static_assert(!kRing || kFragments == 1);
    warpgroup_pin(hidden);
    warpgroup_fence();
    expand(0, weights, hidden);
    warpgroup_wait<0>();
    warpgroup_pin(hidden);
    rectify(hidden, rectified);
    warpgroup_pin(sum_[0]);
    warpgroup_fence();
    project(0, weights, rectified);
    warpgroup_wait<0>();
    warpgroup_pin(sum_[0]);
    release_slot(chunk);
  }

  // Of all images: the pixel of row `half` of the lane's part of fragment m of a tile.
  __device__ __forceinline__ std::uint32_t pixel_of(std::uint32_t first_pixel, int m, int half) const {
    if constexpr (kPatches) {
      const Patch patch = patch_at(first_pixel / 64 + m);
      return (patch.image * a_.height + patch.row + warp_ * 2 + half) * a_.width + patch.column + lane_ / 4;
    }
    return first_pixel + first_row(m) + lane_ / 4 + half * 8;
  }

  __device__ __forceinline__ void store(std::uint32_t first_pixel) const {
#pragma unroll
    for (int m = 0; m < kFragments; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t pixel = pixel_of(first_pixel, m, half);
        if (pixel >= a_.pixels) continue;
        T* y = a_.y + static_cast<std::int64_t>(pixel) * kChannels + lane_ % 4 * 8;
#pragma unroll
        for (int column = 0; column < kChannels; column += 32) {
          Pack<std::uint32_t, 4> pack;
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float(&sum)[4] = sum_[m][column / 8 + i];
            pack.value[i] = round_pair<T>(sum[half * 2], sum[half * 2 + 1]);
          }
          *reinterpret_cast<Pack<std::uint32_t, 4>*>(y + column) = pack;
        }
      }
    }
  }

  template <class Value>
  __device__ __forceinline__ Value& word(int offset) const {
    return *reinterpret_cast<Value*>(shared_ + offset);
  }

  const Arguments<T>& a_;
  const HopperLayout layout_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int warp_, team_, lane_;  // the warp in its team
  const std::uint32_t tile_, convolved_;
  int slot_ = 0, slot_phase_ = 0;
  int left_;                                   // chunks of this block not asked for yet
  MatrixA u_[kFragments][kSteps];              // conv(x) + bias, A fragments
  std::uint32_t own_taps_[kOwnGroups][kTaps];  // of patches
  float sum_[kFragments][kChannels / 8][4];    // of y, by permuted column
};

// The tile as a type: nvcc 13.0 cannot name a kernel whose template argument is a struct's value.
template <int kChannels, bool kPatches>
struct TileOf {
  static constexpr HopperTile get() { return hopper_tile(kChannels, kPatches); }
};

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::get().teams* kTeamThreads, 1)
    convfirst_hopper_kernel(const __grid_constant__ Arguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  Worker<T, Tile>(arguments, shared).run();
#else
  __trap();  // never chosen, see has_hopper_code()
#endif
}

}  // namespace cf::kernels::convfirst_hopper
