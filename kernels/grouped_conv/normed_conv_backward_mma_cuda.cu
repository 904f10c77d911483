// Backward of conv(activation(norm(x))) in 16-bit types. A block goes through its share of the tiles of a
// slab, dy in slots, x as pixels: each of its warps sums the products of dy and the normed x for a group's
// filter, then convolves dy in place to the gradient behind the activation, adding what the norm needs of it
// and of x; the block writes that gradient to dx while the next tile is on its way. The blocks' sums are
// added in order by other kernels, and a pass over x and dx ends it, with the gradient of the expansion in
// front of the norm on its way where that is wanted.
#include "kernels/base/alignment.h"
#include "kernels/batch_norm/backward_parts.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/pixel_tiles.cuh"
#include "kernels/grouped_conv/tile_gradients.cuh"
#include "kernels/grouped_conv/tile_norm.cuh"
#include "kernels/grouped_conv/tile_store.cuh"
#include "kernels/grouped_conv/turned_filter.cuh"
#include "kernels/linear/linear_weight_through_norm.h"

namespace cf::kernels {

namespace {

struct NormPointers {
  const float *mean, *rstd, *gamma, *bias;  // [C]
};

// Of channel lane / 4 of a group. Channels from `channel` on.
__device__ inline LaneNorm load_norm(const float* scale, const float* shift, const NormPointers& norm,
                                     int channel, int lane) {
  const int own = channel + lane / 4;
  return {.scale = scale[own],
          .shift = shift[own],
          .mean = norm.mean[own],
          .slope = norm.rstd[own] * norm.gamma[own],
          .bias = norm.bias[own]};
}

// The sums of a group's lanes to partial[c] and partial[stride + c].
__device__ inline void store_norm_sums(NormSums sums, int lane, float* partial, std::int64_t stride) {
#pragma unroll
  for (int step = 1; step < 4; step *= 2) {
    sums.gradient += __shfl_xor_sync(0xffffffffU, sums.gradient, step);
    sums.product += __shfl_xor_sync(0xffffffffU, sums.product, step);
  }
  if (lane % 4 != 0) return;
  partial[lane / 4] = sums.gradient;
  partial[stride + lane / 4] = sums.product;
}

struct PartialSums {
  float* filter;          // [chunks, K, 3, 3, 8]
  float* channels;        // [2, chunks, C]
  std::int64_t elements;  // of a filter
  std::int64_t all_channels;
};

// A block's sums of a group, each lane its own.
__device__ inline void store_sums(const TileSums& filter, const NormSums& norm, const PartialSums& partial,
                                  int group, int lane) {
  const auto chunk = std::int64_t{blockIdx.y};
  store_norm_sums(norm, lane,
                  partial.channels + chunk * partial.all_channels + std::int64_t{group} * kGroupWidth,
                  gridDim.y * partial.all_channels);
  LaneSums total = {};
  add_sums(filter, total);
  store_turned_filter(total, lane, partial.filter + chunk * partial.elements + std::int64_t{group} * kFilter);
}

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
  const int group = first_group + warp;
  TileSums filter_sums = {};
  NormSums norm_sums;
  int tile = static_cast<int>(blockIdx.y);
  if (tile < tiles.count()) {
    copy_runs(tiles, tiles.origin(tile), x + first_channel, tiles.run_walk(groups), pixels);
    copy_tile(tiles, tiles.origin(tile), dy + first_channel, tiles.slot_walk(groups), tiles.slot_rows(),
              slots);
  }
  while (tile < tiles.count()) {
    const Pixel origin = tiles.origin(tile);
    wait_for_copies();
    __syncthreads();
    if (warp < groups) {
      const LaneNorm lane_norm = load_norm(norm.scale, norm.shift, pointers, group * kGroupWidth, lane);
      add_tile<T>(tiles, slots, pixels, warp, lane, filter_sums,
                  NormedPixels<kActivation, T>{tiles, origin, lane, lane_norm});
      __syncwarp();
      std::uint32_t taps[3][3];
      load_taps<Direction::BackwardInput>(weight + std::int64_t{group} * kFilter, lane, taps);
      uint4* const dump = pixels + packs_of_runs(tiles) + warp * kDumpRows;
      differentiate_group<kActivation, T>(tiles, origin, make_row_filter(taps), warp, lane, pixels, lane_norm,
                                          slots, dump, norm_sums);
    }
    __syncthreads();
    tile += static_cast<int>(gridDim.y);
    const Pixel next = tiles.origin(tile);
    const bool has_next = tile < tiles.count();
    if (has_next) copy_runs(tiles, next, x + first_channel, tiles.run_walk(groups), pixels);
    Overwrite().store(tiles, origin, slots, nullptr, tiles.run_walk(groups), 0, dx + first_channel);
    __syncthreads();
    if (has_next) {
      copy_tile(tiles, next, dy + first_channel, tiles.slot_walk(groups), tiles.slot_rows(), slots);
    }
  }
  if (warp < groups) store_sums(filter_sums, norm_sums, partial, group, lane);
}

template <class T>
PixelTiles tiles_of(const NormedConvBackward<T>& a) {
  const auto& extents = a.x.extents();
  return {extents[0], extents[1], extents[2], extents[3]};
}

// The expansion's part; the norm's coefficients are not known yet.
template <class T>
LinearWeightThroughNorm<T> expand_through_norm(const NormedConvBackward<T>& a, Workspace workspace) {
  const auto part = detail::expand_part(a);
  const auto& [rows, channels] = part.dy.extents();
  return {.x = part.x,
          .h = {a.x.data(), M{rows}, K{channels}},
          .dy = {a.dx.data(), M{rows}, K{channels}},
          .activation = a.norm.activation,
          .mean = a.mean.data(),
          .bias = a.bias.data(),
          .dweight = part.dweight,
          .accumulate = a.accumulate,
          .workspace = workspace};
}

// From the sums to dx and the gradients of the norm's parameters and of the expansion. `memory`: of the
// expansion.
template <class T>
void finish(Cuda place, const NormedConvBackward<T>& a, const BatchNormBackward<T>& norm, const float* sums,
            std::int64_t chunks, Workspace memory) {
  if (a.dexpand) {
    auto expand = expand_through_norm(a, memory);
    if (takes_weight_through_norm(expand)) {
      const auto coefficients = detail::batch_norm_coefficients_from_sums(place, norm, sums, chunks);
      expand.scale = coefficients.scale;
      expand.slope = coefficients.slope;
      expand.offset = coefficients.offset;
      return linear_weight_through_norm(place, expand);
    }
  }
  detail::batch_norm_backward_from_sums(place, norm, sums, chunks);
  if (!a.dexpand) return;
  auto expand = detail::expand_part(a);
  expand.workspace = memory;
  linear(place, expand);
}

// What backward keeps in its workspace, in floats: the filter's sums, the channels', what the norm's second
// half keeps; behind them what the expansion's gradient takes.
struct Plan {
  std::size_t filter, channels, norm;

  template <class T>
  explicit Plan(const NormedConvBackward<T>& a, std::int64_t chunks)
      : filter(static_cast<std::size_t>(chunks * a.dweight.size())),
        channels(static_cast<std::size_t>(2 * chunks * a.mean.size())),
        norm(static_cast<std::size_t>(3 * a.mean.size())) {}

  std::size_t floats() const { return filter + channels + norm; }
  std::size_t bytes() const { return padded_bytes(floats() * sizeof(float)); }
};

}  // namespace

template <class T>
void convolve_by_mma(Cuda place, const NormedConvBackward<T>& a) {
  constexpr auto kName = "grouped_conv backward through a norm";
  CF_CHECK(aligned_to(16, a.x.data(), a.dy.data(), a.dx.data()), kName,
           ": images must be aligned to 16 bytes");
  if (a.x.size() == 0) return;
  const PixelTiles tiles = tiles_of(a);
  const std::int64_t chunks = chunks_of(tiles), elements = a.dweight.size();
  const Plan plan(a, chunks);
  float* const memory = workspace_as<float>(kName, a.workspace, plan.floats());
  const PartialSums partial{memory, memory + plan.filter, elements, a.mean.size()};
  const auto packs = packs_of_slots(tiles) + packs_of_runs(tiles) + PixelTiles::kGroups * kDumpRows;
  const LaunchShape shape{.grid = {static_cast<unsigned>(tiles.slabs()), static_cast<unsigned>(chunks)},
                          .block = PixelTiles::kThreads,
                          .shared_bytes = static_cast<std::size_t>(packs) * sizeof(uint4)};
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
  finish(place, a, rest, partial.channels, chunks, a.workspace.subspan(plan.bytes()));
}

template <class T>
std::size_t workspace_bytes_by_mma(Cuda place, const NormedConvBackward<T>& a) {
  const std::size_t bytes = Plan(a, chunks_of(tiles_of(a))).bytes();
  if (!a.dexpand) return bytes;
  const auto expand = expand_through_norm(a, {});
  return bytes + (takes_weight_through_norm(expand) ? weight_through_norm_bytes(place, expand)
                                                    : workspace_bytes(place, detail::expand_part(a)));
}

#define CF_INSTANTIATE(T)                                            \
  template void convolve_by_mma(Cuda, const NormedConvBackward<T>&); \
  template std::size_t workspace_bytes_by_mma(Cuda, const NormedConvBackward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
