// Forward and backward input in float32; 16-bit types are in grouped_conv_mma_cuda.cu. One thread computes
// the 8 channels of one group at two neighbouring pixels of a row. The groups of a block lie in neighbouring
// lanes, so that a warp reads whole sectors of the images.
#include <algorithm>
#include <cstdint>

#include "kernels/activation/activation.cuh"
#include "kernels/activation/dispatch_activation.h"
#include "kernels/base/alignment.h"
#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/grouped_conv/added_gradient.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/grouped_conv_mma.h"
#include "kernels/grouped_conv/kept_input.h"
#include "kernels/grouped_conv/normed_input.h"

namespace cf::kernels {

namespace {

struct Tile {
  static constexpr int kBlock = 256;
  static constexpr int kGroups = 4;  // of a block at most: 4 x 8 channels are whole sectors
  static constexpr int kTaps = 9, kFilter = kTaps * kGroupWidth * kGroupWidth;
  static constexpr int kStride =
      kFilter + 4;  // of the groups' filters: lanes of different groups hit other banks
};

enum class Direction { Forward, BackwardInput };

struct Images {
  std::int64_t channels;
  std::uint32_t height, width, pairs;  // pairs of neighbouring pixels in all rows of all images
  int groups_per_block;

  __host__ __device__ std::uint32_t pairs_per_row() const { return (width + 1) / 2; }
};

// Both directions are out[pixel, o] = sum_{tap, i} in[pixel + tap, i] filter[tap][i][o]: backward the taps
// are turned by 180 degrees and the channels change sides.
template <Direction direction>
__device__ void load_filters(const float* weight, int first_group, int groups, float* filters) {
  for (int i = static_cast<int>(threadIdx.x); i < groups * Tile::kFilter; i += Tile::kBlock) {
    const int group = i / Tile::kFilter, k = i / (Tile::kTaps * kGroupWidth) % kGroupWidth,
              tap = i / kGroupWidth % Tile::kTaps, c = i % kGroupWidth;
    const float value = weight[std::int64_t{first_group} * Tile::kFilter + i];
    const int at = direction == Direction::Forward
                       ? (tap * kGroupWidth + c) * kGroupWidth + k
                       : ((Tile::kTaps - 1 - tap) * kGroupWidth + k) * kGroupWidth + c;
    filters[group * Tile::kStride + at] = value;
  }
}

// The 8 channels at (row, column); zeros outside of the image.
__device__ void load_channels(const float* image, const Images& images, int row, int column,
                              float (&value)[kGroupWidth]) {
  if (row < 0 || row >= static_cast<int>(images.height) || column < 0 ||
      column >= static_cast<int>(images.width)) {
#pragma unroll
    for (float& v : value) v = 0;
    return;
  }
  const auto offset = (std::int64_t{row} * images.width + column) * images.channels;
  load_floats(image + offset, value);
}

__device__ void add_tap(const float* filter, const float (&in)[kGroupWidth], float (&sum)[kGroupWidth]) {
#pragma unroll
  for (int i = 0; i < kGroupWidth; ++i) {
#pragma unroll
    for (int o = 0; o < kGroupWidth; o += 4) {
      const auto weights = load_pack<float, 4>(filter + i * kGroupWidth + o);
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[o + j] += in[i] * weights.value[j];
    }
  }
}

// Activates and stores the 8 channels of a pixel.
template <Activation kActivation>
__device__ void store_sums(float* to, float (&sum)[kGroupWidth]) {
#pragma unroll
  for (float& value : sum) value = device::activate<kActivation>(value);
  store_floats(to, sum);
}

// Grid: (chunks of pixel pairs, groups / groups_per_block). `bias` may be null.
template <Direction direction, Activation kActivation>
__global__ void __launch_bounds__(Tile::kBlock)
    grouped_conv_kernel(Images images, const float* in, const float* weight, const float* bias, float* out) {
  __shared__ __align__(16) float filters[Tile::kGroups * Tile::kStride];
  const int all_groups = static_cast<int>(images.channels / kGroupWidth);
  const int first_group = static_cast<int>(blockIdx.y) * images.groups_per_block;
  const int groups = min(images.groups_per_block, all_groups - first_group);
  load_filters<direction>(weight, first_group, groups, filters);
  __syncthreads();

  const int pairs_per_block = Tile::kBlock / groups;
  const int group = static_cast<int>(threadIdx.x) % groups, lane = static_cast<int>(threadIdx.x) / groups;
  if (lane >= pairs_per_block) return;
  const float* filter = filters + group * Tile::kStride;
  const std::uint32_t per_row = images.pairs_per_row();
  for (std::uint32_t pair = blockIdx.x * pairs_per_block + lane; pair < images.pairs;
       pair += gridDim.x * pairs_per_block) {
    const std::uint32_t line = pair / per_row, n = line / images.height;
    const int w = static_cast<int>(pair % per_row) * 2, h = static_cast<int>(line % images.height);
    const auto start = std::int64_t{n} * images.height * images.width * images.channels +
                       std::int64_t{first_group + group} * kGroupWidth;
    float left[kGroupWidth] = {}, right[kGroupWidth] = {};
    if (bias != nullptr) {
#pragma unroll
      for (int k = 0; k < kGroupWidth; ++k) {
        left[k] = right[k] = bias[(first_group + group) * kGroupWidth + k];
      }
    }
    // Unrolled, the filters would be hoisted out of the loop over pairs into registers, and spilled.
#pragma unroll 1
    for (int r = 0; r < 3; ++r) {
#pragma unroll
      for (int column = 0; column < 4; ++column) {
        float value[kGroupWidth];
        load_channels(in + start, images, h + r - 1, w + column - 1, value);
        if (column < 3) add_tap(filter + (r * 3 + column) * kGroupWidth * kGroupWidth, value, left);
        if (column > 0) add_tap(filter + (r * 3 + column - 1) * kGroupWidth * kGroupWidth, value, right);
      }
    }
    float* to = out + start + (std::int64_t{h} * images.width + w) * images.channels;
    store_sums<kActivation>(to, left);
    if (w + 1 < static_cast<int>(images.width)) store_sums<kActivation>(to + images.channels, right);
  }
}

template <class Image>
Images images_of(const Image& x, std::int64_t channels) {
  constexpr std::int64_t kMostPairs = std::int64_t{1} << 31;
  const auto n = x.template extent<N>().value, h = x.template extent<H>().value,
             w = x.template extent<W>().value;
  CF_CHECK(n * h * ((w + 1) / 2) < kMostPairs, "grouped_conv: N=", n, " H=", h, " W=", w,
           " has too many pixels for the GPU");
  const auto groups = static_cast<int>(channels / kGroupWidth);
  const int blocks = std::max(1, (groups + Tile::kGroups - 1) / Tile::kGroups);
  return {channels, static_cast<std::uint32_t>(h), static_cast<std::uint32_t>(w),
          static_cast<std::uint32_t>(n * h * ((w + 1) / 2)), (groups + blocks - 1) / blocks};
}

template <Direction direction, Activation kActivation>
void convolve(std::string_view name, Cuda place, const Images& images, const float* in, const float* weight,
              const float* bias, float* out) {
  CF_CHECK(aligned_to(16, in, out), name, ": images must be aligned to 16 bytes");
  if (images.pairs == 0 || images.channels == 0) return;
  const auto groups = static_cast<int>(images.channels / kGroupWidth);
  const int pairs_per_block = Tile::kBlock / images.groups_per_block;
  const auto group_blocks =
      static_cast<unsigned>((groups + images.groups_per_block - 1) / images.groups_per_block);
  launch(name, grouped_conv_kernel<direction, kActivation>,
         {.grid = {grid_for(images.pairs, pairs_per_block), group_blocks}, .block = Tile::kBlock}, place,
         images, in, weight, bias, out);
}

}  // namespace

template <class T>
void grouped_conv(Cuda place, const GroupedConvForward<T>& given) {
  check(given);
  if constexpr (std::is_same_v<T, float>) {
    constexpr auto kName = "grouped_conv forward";
    const auto a = detail::with_normed_input(place, kName, detail::with_kept_input(place, kName, given));
    dispatch_activation(a.activation, [&]<Activation kActivation>() {
      convolve<Direction::Forward, kActivation>(kName, place, images_of(a.x, a.x.template extent<C>().value),
                                                a.x.data(), a.weight.data(), a.bias.data(), a.y.data());
    });
  } else {
    convolve_by_mma(place, given);
  }
}

template <class T>
std::size_t workspace_bytes(Cuda, const GroupedConvForward<T>& a) {
  return std::is_same_v<T, float> ? detail::kept_input_bytes(a) + detail::normed_input_bytes(a) : 0;
}

template <class T>
void grouped_conv(Cuda place, const GroupedConvBackwardInput<T>& given) {
  check(given);
  if constexpr (std::is_same_v<T, float>) {
    detail::convolve_and_add(place, given, [&](const GroupedConvBackwardInput<float>& a) {
      convolve<Direction::BackwardInput, Activation::None>(
          "grouped_conv backward input", place, images_of(a.dx, a.dx.extent<C>().value), a.dy.data(),
          a.weight.data(), nullptr, a.dx.data());
    });
  } else {
    convolve_by_mma(place, given);
  }
}

template <class T>
std::size_t workspace_bytes(Cuda, const GroupedConvBackwardInput<T>& a) {
  return std::is_same_v<T, float> ? detail::own_gradient_bytes(a) : 0;
}

#define CF_INSTANTIATE(T)                                                   \
  template void grouped_conv(Cuda, const GroupedConvForward<T>&);           \
  template std::size_t workspace_bytes(Cuda, const GroupedConvForward<T>&); \
  template void grouped_conv(Cuda, const GroupedConvBackwardInput<T>&);     \
  template std::size_t workspace_bytes(Cuda, const GroupedConvBackwardInput<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
