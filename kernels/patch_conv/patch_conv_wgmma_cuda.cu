// A patch has S C neighbouring values in each of its R image rows. The copy engine brings 64 of them for all
// patches of a tile, and the weights that go with them, into a slot of a ring; one warp asks for copies and
// runs ahead, also into the next tile, while warpgroups multiply.
#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/copy_ring.cuh"
#include "kernels/base/dependent_launch.cuh"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/device_types.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/base/launch_clusters.cuh"
#include "kernels/base/wgmma_shared.cuh"
#include "kernels/patch_conv/patch_conv_tiling.h"
#include "kernels/patch_conv/patch_conv_wgmma.h"

namespace cf::kernels {

namespace {

using Tiling = PatchConvTiling;
constexpr int kWarp = 32, kTeamThreads = 4 * kWarp;
constexpr int kMostThreads = Tiling::kMostTeams * kTeamThreads + kWarp;

template <class T>
struct PatchArguments {
  CUtensorMap x;       // [image][line][R][across][run]
  CUtensorMap weight;  // [k/32][j][t][i][depth] with output channel 32 (k/32) + 8t + 2j + i
  const T* bias;       // may be null
  T* y;
  int images, lines, across, channels;
  int patch_rows, run;  // elements of a patch in an image row
  Tiling tiling;
};

template <class T, int kColumns>
class PatchWorker {
 public:
  __device__ __forceinline__ PatchWorker(const PatchArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        base_(shared_address(shared)),
        warp_(static_cast<int>(threadIdx.x) / kWarp),
        lane_(static_cast<int>(threadIdx.x) % kWarp),
        chunks_((arguments.run + Tiling::kDepth - 1) / Tiling::kDepth),
        ring_{base_ + a_.tiling.slots * a_.tiling.slot_bytes(), a_.tiling.slots} {}

  __device__ __forceinline__ void run() {
    start_next_kernel();
    if (threadIdx.x == 0) {
      ring_.init(4 * a_.tiling.teams);
      fence_barriers();
    }
    __syncthreads();
    wait_for_last_kernel();
    const auto tiles = static_cast<int>(a_.tiling.tiles());
    const bool copies = warp_ == 4 * a_.tiling.teams;
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
      if (copies) {
        copy(tile_at(tile));
      } else {
        multiply(tile_at(tile));
      }
    }
  }

 private:
  static constexpr int kTiles = kColumns / 8, kSteps = Tiling::kDepth / 16;
  using Sums = float[kTiles][4];
  using Words = Pack<std::uint32_t, 4>;

  struct Tile {
    int image, line, channel;
  };
  // Neighbouring tiles have the same patches.
  __device__ __forceinline__ Tile tile_at(int index) const {
    const auto columns = static_cast<int>(a_.tiling.column_tiles),
               down = static_cast<int>(a_.tiling.line_tiles);
    const int lines = index / columns, images = lines / down;
    return {images * a_.tiling.images, (lines - images * down) * a_.tiling.lines,
            (index - lines * columns) * kColumns};
  }

  __device__ __forceinline__ void copy(const Tile& tile) {
    if (lane_ != 0) return;
    const int patches = a_.across * a_.tiling.lines * a_.tiling.images;
    for (int row = 0; row < a_.patch_rows; ++row) {
      for (int chunk = 0; chunk < chunks_; ++chunk) {
        const std::uint32_t slot = base_ + ring_.slot * a_.tiling.slot_bytes();
        const int depth = chunk * Tiling::kDepth;
        ring_.wait_until_empty();
        expect_bytes(ring_.full(), (patches + kColumns) * Tiling::kRowBytes);
        copy_tensor(slot, a_.weight, ring_.full(), row * a_.run + depth, 0, 0, 0, tile.channel / 32);
        copy_tensor(slot + kColumns * Tiling::kRowBytes, a_.x, ring_.full(), depth, 0, row, tile.line,
                    tile.image);
        ring_.advance();
      }
    }
  }

  __device__ __forceinline__ void multiply(const Tile& tile) {
    Sums sum;
    start_sums(sum, tile);
    warpgroup_pin(sum);
    int last = -1;
    for (int chunk = 0; chunk < a_.patch_rows * chunks_; ++chunk) {
      ring_.wait_until_full();
      multiply_slot(base_ + ring_.slot * a_.tiling.slot_bytes(), sum);
      warpgroup_wait<1>();
      if (last >= 0) ring_.release(last);
      last = ring_.slot;
      ring_.advance();
    }
    warpgroup_wait<0>();
    warpgroup_pin(sum);
    ring_.release(last);
    store(sum, tile);
  }

  // Asynchronously.
  __device__ __forceinline__ void multiply_slot(std::uint32_t slot, Sums& sum) const {
    constexpr int kBytes = Tiling::kRowBytes;
    const std::uint32_t patches = slot + (kColumns + warp_ / 4 * Tiling::kTeamRows) * kBytes;
    warpgroup_fence();
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      warpgroup_multiply<T>(sum, matrix_descriptor<kBytes>(patches + step * 32),
                            matrix_descriptor<kBytes>(slot + step * 32));
    }
    warpgroup_commit();
  }

  // A lane has eight neighbouring channels of each 32, of two patches.
  __device__ __forceinline__ int channel_of_lane(const Tile& tile, int block) const {
    return tile.channel + block * 32 + lane_ % 4 * 8;
  }

  __device__ __forceinline__ void start_sums(Sums& sum, const Tile& tile) const {
#pragma unroll
    for (int block = 0; block < kTiles / 4; ++block) {
      const int channel = channel_of_lane(tile, block);
      Words bias{};
      if (a_.bias != nullptr && channel < a_.channels) {
        bias = *reinterpret_cast<const Words*>(a_.bias + channel);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        T low, high;
        low.bits = static_cast<std::uint16_t>(bias.value[i]);
        high.bits = static_cast<std::uint16_t>(bias.value[i] >> 16);
        float(&values)[4] = sum[block * 4 + i];
        values[0] = values[2] = to_float(low);
        values[1] = values[3] = to_float(high);
      }
    }
  }

  __device__ __forceinline__ void store(const Sums& sum, const Tile& tile) const {
    const int patches = min(a_.tiling.lines, a_.lines - tile.line) *
                        min(a_.tiling.images, a_.images - tile.image) * a_.across;
    const std::int64_t first = (std::int64_t{tile.image} * a_.lines + tile.line) * a_.across;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int patch = warp_ * 16 + half * 8 + lane_ / 4;
      if (patch >= patches) continue;
      T* const y = a_.y + (first + patch) * a_.channels;
#pragma unroll
      for (int block = 0; block < kTiles / 4; ++block) {
        const int channel = channel_of_lane(tile, block);
        if (channel >= a_.channels) continue;
        Words pack;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float(&values)[4] = sum[block * 4 + i];
          pack.value[i] = round_pair<T>(values[2 * half], values[2 * half + 1]);
        }
        *reinterpret_cast<Words*>(y + channel) = pack;
      }
    }
  }

  const PatchArguments<T>& a_;
  const std::uint32_t base_;
  const int warp_, lane_;
  const int chunks_;  // slots of an image row of a patch
  CopyRing ring_;
};

template <class T, int kColumns>
__global__ void __launch_bounds__(kMostThreads, 1)
    patch_conv_kernel(const __grid_constant__ PatchArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  PatchWorker<T, kColumns>(arguments, shared).run();
#else
  __trap();  // never chosen, see has_hopper_code()
#endif
}

template <class T>
PatchArguments<T> arguments_of(const PatchConvForward<T>& a, const PatchConvLines& lines,
                               const Tiling& tiling) {
  const auto e = a.x.extents();
  const std::int64_t patch_rows = a.weight.template extent<R>().value,
                     run = a.weight.template extent<S>().value * e[3], row_bytes = e[2] * e[3] * 2,
                     depth = patch_rows * run;
  return {.x = tensor_map<5>(a.x.data(), {{run, Tiling::kDepth},
                                          {lines.across, static_cast<int>(lines.across), run * 2},
                                          {patch_rows, 1, row_bytes},
                                          {lines.lines, tiling.lines, patch_rows * row_bytes},
                                          {lines.images, tiling.images, e[1] * row_bytes}}),
          .weight = tensor_map<5>(a.weight.data(), {{depth, Tiling::kDepth},
                                                    {2, 2, 2 * depth},
                                                    {4, 4, 16 * depth},
                                                    {4, 4, 4 * depth},
                                                    {lines.channels / 32, tiling.columns / 32, 64 * depth}}),
          .bias = a.bias.data(),
          .y = a.y.data(),
          .images = static_cast<int>(lines.images),
          .lines = static_cast<int>(lines.lines),
          .across = static_cast<int>(lines.across),
          .channels = static_cast<int>(lines.channels),
          .patch_rows = static_cast<int>(patch_rows),
          .run = static_cast<int>(run),
          .tiling = tiling};
}

}  // namespace

template <class T>
bool patch_conv_by_wgmma(Cuda place, const PatchConvForward<T>& a) {
  constexpr std::int64_t kMostPatches = std::int64_t{1} << 30;
  const auto e = a.x.extents(), out = a.y.extents();
  const std::int64_t run = a.weight.template extent<S>().value * e[3], patches = out[0] * out[1] * out[2];
  const bool fits = run % 8 == 0 && e[2] * e[3] % 8 == 0 && out[3] % 32 == 0 && patches > 0 &&
                    patches <= kMostPatches &&
                    aligned_to(16, a.x.data(), a.weight.data(), a.bias.data(), a.y.data());
  if (!fits || !has_hopper_code<patch_conv_kernel<T, 128>>()) return false;
  const bool loses_rows = out[1] * a.weight.template extent<R>().value != e[1];
  const PatchConvLines lines{.images = loses_rows ? out[0] : 1,
                             .lines = loses_rows ? out[1] : out[0] * out[1],
                             .across = out[2],
                             .channels = out[3],
                             .depth = a.weight.template extent<R>().value * run};
  const int multiprocessors = multiprocessors_of(place);
  const Tiling tiling = patch_conv_tiling(lines, multiprocessors, shared_memory_of_block(0));
  if (tiling.shared_bytes == 0) return false;
  const LaunchShape shape{
      .grid = static_cast<unsigned>(std::min<std::int64_t>(tiling.tiles(), multiprocessors)),
      .block = static_cast<unsigned>(tiling.teams * kTeamThreads + kWarp),
      .shared_bytes = static_cast<std::size_t>(tiling.shared_bytes)};
  dispatch<32, 128>("output channels of a tile", tiling.columns, [&]<int kColumns>() {
    launch_clusters("patch_conv forward", patch_conv_kernel<T, kColumns>, shape, 1, place,
                    arguments_of(a, lines, tiling));
  });
  return true;
}

#define CF_INSTANTIATE(T) template bool patch_conv_by_wgmma(Cuda, const PatchConvForward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
