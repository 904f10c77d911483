// Backward of conv(activation(norm(x))) in 16-bit types. A block goes through its share of the tiles of a
// slab, dy in slots, x as pixels: it norms x where it lies, sums the products of both for the filter's
// gradient, convolves dy in place to the gradient behind the activation while x is copied once more, from the
// L2 cache, and writes that gradient to dx, adding what the norm's needs of it and of x. The blocks' sums are
// added in order by other kernels, and a pass over x and dx ends it.
#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/packs.cuh"
#include "kernels/batch_norm/backward_parts.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"
#include "kernels/grouped_conv/tile_convolution.cuh"
#include "kernels/grouped_conv/tile_norm.cuh"
#include "kernels/grouped_conv/tile_weight_sums.cuh"
#include "kernels/grouped_conv/turned_filter.cuh"

namespace cf::kernels {

namespace {

struct NormPointers {
  const float *mean, *rstd, *gamma, *bias;  // [C]
};

// A thread's sums over the tiles of its block: of dh, the gradient in front of the activation, in 8 channels,
// and of dh (x - mean).
constexpr int kSums = 2 * kGroupWidth;
using ChannelSums = float[kSums];
constexpr std::size_t kSumBytes = kSums * PixelTiles::kThreads * sizeof(float);

// Stores the gradients that lie in the slots, and adds what the norm needs of them, with x beside them.
template <Activation kActivation, class T>
__device__ void store_gradients(const PixelTiles& tiles, const Pixel& origin, const uint4* pixels,
                                const uint4* slots, const NormPointers& norm, int first_channel,
                                const PackWalk& walk, T* dx, ChannelSums& sums) {
  const int channel = first_channel + walk.group * kGroupWidth;
  float mean[kGroupWidth], scale[kGroupWidth], bias[kGroupWidth];
  load_floats(norm.rstd + channel, mean);
  load_floats(norm.gamma + channel, scale);
#pragma unroll
  for (int i = 0; i < kGroupWidth; ++i) scale[i] *= mean[i];
  load_floats(norm.mean + channel, mean);
  load_floats(norm.bias + channel, bias);
  const int place = walk.column * tiles.pitch() + walk.group;
  const int slot_row = tiles.slot_columns() * tiles.pitch(), pixel_row = tiles.run_columns() * tiles.pitch();
  tiles.for_each_row(origin, dx, 0, walk, tiles.even_rows(), [&](int row, T* to, bool inside) {
    if (!inside) return;
    const auto inputs =
        load_pack<T, kGroupWidth>(reinterpret_cast<const T*>(pixels + place + row * pixel_row));
    const auto gradients =
        load_pack<T, kGroupWidth>(reinterpret_cast<const T*>(slots + place + row * slot_row));
    store_pack(to, gradients);
#pragma unroll
    for (int i = 0; i < kGroupWidth; ++i) {
      const float deviation = to_float(inputs.value[i]) - mean[i];
      const float dh = device::activation_gradient<kActivation>(scale[i] * deviation + bias[i],
                                                                to_float(gradients.value[i]));
      sums[i] += dh;
      sums[kGroupWidth + i] += dh * deviation;
    }
  });
}

// The sums of all threads of a group, in order, to partial[c] and partial[stride + c]. `shared`: kSumBytes.
__device__ inline void store_channel_sums(const ChannelSums& sums, int groups, float* shared, float* partial,
                                          std::int64_t stride) {
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
  for (int i = 0; i < kSums; ++i) shared[i * PixelTiles::kThreads + thread] = sums[i];
  __syncthreads();
  if (thread >= groups * kSums) return;
  const int group = thread / kSums, which = thread % kSums;
  float sum = 0;
  for (int other = group; other < PixelTiles::kThreads; other += groups) {
    sum += shared[which * PixelTiles::kThreads + other];
  }
  partial[which / kGroupWidth * stride + group * kGroupWidth + which % kGroupWidth] = sum;
}

struct PartialSums {
  float* filter;          // [chunks, K, 3, 3, 8]
  float* channels;        // [2, chunks, C]
  std::int64_t elements;  // of a filter
  std::int64_t all_channels;
};

// Grid: (slabs, chunks).
template <class T, Activation kActivation>
__global__ void __launch_bounds__(PixelTiles::kThreads, kSumBlocksPerSm)
    normed_conv_backward_kernel(PixelTiles tiles, const T* x, TileNorm<kActivation> norm,
                                NormPointers pointers, const T* weight, const T* dy, T* dx,
                                PartialSums partial) {
  extern __shared__ uint4 slots[];
  uint4* const pixels = slots + packs_of_slots(tiles);
  const int slab = static_cast<int>(blockIdx.x), groups = tiles.slab_groups(slab);
  const int first_group = slab * PixelTiles::kGroups, first_channel = first_group * kGroupWidth;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const PackWalk slot_walk = tiles.slot_walk(groups), pixel_walk = tiles.run_walk(groups);
  LaneSums total = {};
  ChannelSums sums = {};
  for (int tile = static_cast<int>(blockIdx.y); tile < tiles.count(); tile += static_cast<int>(gridDim.y)) {
    const Pixel origin = tiles.origin(tile);
    copy_runs(tiles, origin, x + first_channel, pixel_walk, pixels);
    copy_tile(tiles, origin, dy + first_channel, slot_walk, tiles.slot_rows(), slots);
    norm.apply(tiles, origin, x + first_channel, first_channel, 0, pixel_walk, tiles.even_rows(),
               tiles.run_columns(), pixels);
    wait_for_copies();
    __syncthreads();
    if (warp < groups) {
      TileSums of_tile = {};
      add_tile<T>(tiles, slots, pixels, warp, lane, of_tile);
      add_sums(of_tile, total);
    }
    __syncthreads();
    copy_runs(tiles, origin, x + first_channel, pixel_walk, pixels);  // as it was
    if (warp < groups) {
      std::uint32_t taps[3][3];
      load_taps<Direction::BackwardInput>(weight + std::int64_t{first_group + warp} * kFilter, lane, taps);
      uint4* const dump = pixels + packs_of_runs(tiles) + warp * kDumpRows;
      convolve_group<Activation::None, T>(tiles, make_filter(taps, 0), warp, lane, slots, dump);
    }
    wait_for_copies();
    __syncthreads();
    store_gradients<kActivation>(tiles, origin, pixels, slots, pointers, first_channel, pixel_walk,
                                 dx + first_channel, sums);
    __syncthreads();
  }
  const auto chunk = std::int64_t{blockIdx.y};
  store_channel_sums(sums, groups, reinterpret_cast<float*>(slots),
                     partial.channels + chunk * partial.all_channels + first_channel,
                     gridDim.y * partial.all_channels);
  if (warp >= groups) return;
  store_turned_filter(total, lane,
                      partial.filter + chunk * partial.elements + std::int64_t{first_group + warp} * kFilter);
}

template <class T>
PixelTiles tiles_of(const NormedConvBackward<T>& a) {
  const auto& extents = a.x.extents();
  return {extents[0], extents[1], extents[2], extents[3]};
}

// What backward keeps in its workspace, in floats: the filter's sums, the channels', what the norm's second
// half keeps.
struct Plan {
  std::size_t filter, channels, norm;

  template <class T>
  explicit Plan(const NormedConvBackward<T>& a, std::int64_t chunks)
      : filter(static_cast<std::size_t>(chunks * a.dweight.size())),
        channels(static_cast<std::size_t>(2 * chunks * a.mean.size())),
        norm(static_cast<std::size_t>(3 * a.mean.size())) {}

  std::size_t floats() const { return filter + channels + norm; }
};

}  // namespace

template <class T>
void convolve_by_mma(Cuda place, const NormedConvBackward<T>& a) {
  constexpr auto kName = "grouped_conv backward through a norm";
  CF_CHECK(aligned_to(16, a.x.data(), a.dy.data(), a.dx.data()), kName,
           ": images must be aligned to 16 bytes");
  CF_CHECK(aligned_to(16, a.mean.data(), a.rstd.data(), a.gamma.data(), a.bias.data()), kName,
           ": the norm's parameters must be aligned to 16 bytes");
  if (a.x.size() == 0) return;
  const PixelTiles tiles = tiles_of(a);
  const std::int64_t chunks = chunks_of(tiles), elements = a.dweight.size();
  const Plan plan(a, chunks);
  float* const memory = workspace_as<float>(kName, a.workspace, plan.floats());
  const PartialSums partial{memory, memory + plan.filter, elements, a.mean.size()};
  const auto packs = packs_of_slots(tiles) + packs_of_runs(tiles) + PixelTiles::kGroups * kDumpRows;
  const LaunchShape shape{
      .grid = {static_cast<unsigned>(tiles.slabs()), static_cast<unsigned>(chunks)},
      .block = PixelTiles::kThreads,
      .shared_bytes = std::max(kSumBytes, static_cast<std::size_t>(packs) * sizeof(uint4))};
  dispatch_tile_norm(kName, a.norm, [&]<class Norm>(const Norm& norm) {
    if constexpr (!std::is_same_v<Norm, NoTileNorm>) {
      launch(kName, normed_conv_backward_kernel<T, Norm::kKind>, shape, place, tiles, a.x.data(), norm,
             NormPointers{a.mean.data(), a.rstd.data(), a.gamma.data(), a.bias.data()}, a.weight.data(),
             a.dy.data(), a.dx.data(), partial);
    }
  });
  add_weight_chunks(place, partial.filter, chunks, elements, a.accumulate, a.dweight.data());
  auto rest = detail::norm_part(a);
  rest.workspace = a.workspace.subspan((plan.filter + plan.channels) * sizeof(float));
  detail::batch_norm_backward_from_sums(place, rest, partial.channels, chunks);
}

template <class T>
std::size_t workspace_bytes_by_mma(const NormedConvBackward<T>& a) {
  return Plan(a, chunks_of(tiles_of(a))).floats() * sizeof(float);
}

#define CF_INSTANTIATE(T)                                            \
  template void convolve_by_mma(Cuda, const NormedConvBackward<T>&); \
  template std::size_t workspace_bytes_by_mma(const NormedConvBackward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
