// A warp has 16 patches at a time, as rows of the product, and the whole filter in registers. The values of a
// patch are loaded as the product takes them, two neighbours a lane; those of the next patches while these
// are multiplied. The columns of the filter are permuted so that a lane gets neighbouring output channels.
#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/patch_conv/patch_conv_mma.h"

namespace cf::kernels {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32;
constexpr int kPatches = 16;  // of a warp at a time
constexpr int kDepth = 16;    // of a step of the product

template <class T>
struct StemArguments {
  const T *x, *weight, *bias;  // bias may be null
  T* y;
  std::uint32_t patches, p, q;
  std::uint32_t height;
  int patch_rows, run, row;  // elements of a patch in an image row, and of an image row
  int depth;

  // The first element of a patch.
  __device__ std::int64_t start_of(std::uint32_t patch) const {
    const std::uint32_t line = patch / q;  // n * p + the line of patches
    const std::uint32_t n = line / p, image_row = (line - n * p) * patch_rows;
    return (std::int64_t{n} * height + image_row) * row + std::int64_t{patch - line * q} * run;
  }
};

// kSteps of depth, kTiles of 8 output channels.
template <class T, int kSteps, int kTiles>
class StemWarp {
 public:
  __device__ explicit StemWarp(const StemArguments<T>& a)
      : a_(a), lane_(static_cast<int>(threadIdx.x) % 32), group_(lane_ / 4), pair_(lane_ % 4) {
    load_filter();
#pragma unroll
    for (int step = 0; step < 2 * kSteps; ++step) {
      const int element = step * (kDepth / 2) + 2 * pair_;
      offset_[step] = element < a.depth ? element / a.run * a.row + element % a.run : -1;
    }
  }

  __device__ void run(std::uint32_t first_tile, std::uint32_t stride) {
    const std::uint32_t tiles = (a_.patches + kPatches - 1) / kPatches;
    std::uint32_t now[kSteps][4], next[kSteps][4];
    if (first_tile < tiles) load(first_tile, now);
    for (std::uint32_t tile = first_tile; tile < tiles; tile += stride) {
      if (tile + stride < tiles) load(tile + stride, next);
      multiply_and_store(tile, now);
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
#pragma unroll
        for (int i = 0; i < 4; ++i) now[step][i] = next[step][i];
      }
    }
  }

 private:
  __device__ static std::uint32_t load_pair(const T* from) {
    return __ldg(reinterpret_cast<const std::uint32_t*>(from));
  }

  // Column group_ of tile j is output channel 2 kTiles (group_ / 2) + 2 j + group_ % 2.
  __device__ void load_filter() {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const int channel = group_ / 2 * 2 * kTiles + 2 * tile + group_ % 2;
#pragma unroll
      for (int step = 0; step < 2 * kSteps; ++step) {
        const int element = step * (kDepth / 2) + 2 * pair_;
        filter_[tile][step] =
            element < a_.depth ? load_pair(a_.weight + std::int64_t{channel} * a_.depth + element) : 0;
      }
    }
  }

  __device__ void load(std::uint32_t tile, std::uint32_t (&values)[kSteps][4]) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::uint32_t patch = min(tile * kPatches + half * 8 + group_, a_.patches - 1);
      const T* const start = a_.x + a_.start_of(patch);
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int offset = offset_[2 * step + i];
          values[step][2 * i + half] = offset < 0 ? 0 : load_pair(start + offset);
        }
      }
    }
  }

  __device__ void multiply_and_store(std::uint32_t tile, const std::uint32_t (&values)[kSteps][4]) const {
    float bias[2 * kTiles] = {};
    if (a_.bias != nullptr) load_floats(a_.bias + pair_ * 2 * kTiles, bias);
    float sum[kTiles][4];
#pragma unroll
    for (int j = 0; j < kTiles; ++j) {
#pragma unroll
      for (int i = 0; i < 4; ++i) sum[j][i] = bias[2 * j + i % 2];
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        multiply_add<T>(sum[j], MatrixA{values[step][0], values[step][1], values[step][2], values[step][3]},
                        filter_[j][2 * step], filter_[j][2 * step + 1]);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::uint32_t patch = tile * kPatches + half * 8 + group_;
      if (patch >= a_.patches) continue;
      float out[2 * kTiles];
#pragma unroll
      for (int j = 0; j < kTiles; ++j) {
        out[2 * j] = sum[j][2 * half];
        out[2 * j + 1] = sum[j][2 * half + 1];
      }
      store_floats(a_.y + std::int64_t{patch} * 8 * kTiles + pair_ * 2 * kTiles, out);
    }
  }

  const StemArguments<T>& a_;
  int lane_, group_, pair_;
  std::uint32_t filter_[kTiles][2 * kSteps];
  int offset_[2 * kSteps];
};

template <class T, int kSteps, int kTiles>
__global__ void __launch_bounds__(kThreads, 2)
    stem_kernel(const __grid_constant__ StemArguments<T> arguments) {
  const std::uint32_t warp = blockIdx.x * kWarps + threadIdx.x / 32;
  StemWarp<T, kSteps, kTiles>(arguments).run(warp, gridDim.x * kWarps);
}

}  // namespace

template <class T>
bool patch_conv_by_mma(Cuda place, const PatchConvForward<T>& a) {
  constexpr int kSteps = 3;
  constexpr std::int64_t kMostPatches = std::int64_t{1} << 30;
  constexpr int kBlocksEach = 2;  // of a multiprocessor
  const auto e = a.x.extents(), out = a.y.extents();
  const std::int64_t patches = out[0] * out[1] * out[2], outputs = out[3];
  const std::int64_t rows = a.weight.template extent<R>().value,
                     run = a.weight.template extent<S>().value * e[3], row = e[2] * e[3];
  const bool fits = rows * run <= kSteps * kDepth && run % 2 == 0 && row % 2 == 0 &&
                    patches <= kMostPatches &&
                    aligned_to(16, a.x.data(), a.weight.data(), a.bias.data(), a.y.data());
  if (!fits || (outputs != 32 && outputs != 64)) return false;
  const StemArguments<T> arguments{.x = a.x.data(),
                                   .weight = a.weight.data(),
                                   .bias = a.bias.data(),
                                   .y = a.y.data(),
                                   .patches = static_cast<std::uint32_t>(patches),
                                   .p = static_cast<std::uint32_t>(out[1]),
                                   .q = static_cast<std::uint32_t>(out[2]),
                                   .height = static_cast<std::uint32_t>(e[1]),
                                   .patch_rows = static_cast<int>(rows),
                                   .run = static_cast<int>(run),
                                   .row = static_cast<int>(row),
                                   .depth = static_cast<int>(rows * run)};
  const std::int64_t tiles = (patches + kPatches - 1) / kPatches;
  const auto blocks =
      std::min<std::int64_t>((tiles + kWarps - 1) / kWarps, kBlocksEach * multiprocessors_of(place));
  const LaunchShape shape{.grid = static_cast<unsigned>(blocks), .block = kThreads};
  if (outputs == 32) {
    launch("patch_conv forward", stem_kernel<T, kSteps, 4>, shape, place, arguments);
  } else {
    launch("patch_conv forward", stem_kernel<T, kSteps, 8>, shape, place, arguments);
  }
  return true;
}

#define CF_INSTANTIATE(T) template bool patch_conv_by_mma(Cuda, const PatchConvForward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
