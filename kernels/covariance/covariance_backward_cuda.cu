// The gradient through mean and covariance in 16-bit types: dx += offset + slope x on the tensor cores, slope
// [C,C] held in shared memory by each block. Depth and columns of the product are permuted so that a thread
// has 8 neighbouring channels of its rows: x and dx go between memory and registers in packs of 16 bytes.
//
// slope is 2 / M times dcovariance, small numbers: each row of it is scaled by a power of two into the range
// of T, and its sums are scaled back.
//
// Each lane copies the packs it will need of its warp's next steps to a ring of its own in shared memory,
// which nobody else reads: the copies run ahead of the products, and of the slope's preparation, without a
// barrier.
#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/async_copy.cuh"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/device_types.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/base/launch.cuh"
#include "kernels/base/mma.cuh"
#include "kernels/base/reduce.cuh"
#include "kernels/covariance/covariance.h"
#include "kernels/covariance/covariance_check.h"

namespace cf::kernels {

namespace {

constexpr int kLanes = 32;
constexpr int kRows = 16;  // of a step of a warp

struct Arguments {
  std::int64_t rows;
  int channels;
  const float *mean, *dmean, *dcovariance;
};

// Shared memory: B fragments of the slope, those of two neighbouring tiles side by side, then offset and
// scale of each channel, then the warps' rings.
template <int kChannels>
struct Layout {
  static constexpr int kSteps = kChannels / 16, kTiles = kChannels / 8, kBlocksOf32 = kChannels / 32;
  static constexpr int kFragmentBytes = kSteps * kTiles * kLanes * 8;
  static constexpr int kSlopeBytes = kFragmentBytes + 2 * kChannels * 4;
  // Warps of a block, the only one of its multiprocessor.
  static constexpr int kMostWarps = kChannels <= 64 ? 16 : 12;
  // A place of the ring: a lane's packs of x, then of dx, of two rows in each block of 32 channels.
  static constexpr int kPlaces = kChannels <= 32 ? 5 : kChannels <= 64 ? 3 : 2;
  static constexpr int kPlacePacks = 4 * kBlocksOf32 * kLanes;
  static constexpr int kRingBytes = kPlaces * kPlacePacks * 16;

  // Of the fragment's half, in uint2.
  static __device__ int fragment(int step, int tile, int lane) {
    return ((step * kTiles + tile) / 2 * kLanes + lane) * 2 + tile % 2;
  }
  static int warps(std::int64_t shared_bytes) {
    return static_cast<int>(
        std::clamp<std::int64_t>((shared_bytes - kSlopeBytes) / kRingBytes, 1, kMostWarps));
  }
};

// Row c of the slope, whose neighbouring input channels a lane has four by four.
template <int kChannels>
struct SlopeRow {
  static constexpr int kQuads = kChannels / 4, kQuadsOfLane = (kQuads + kLanes - 1) / kLanes;

  float value[kQuadsOfLane][4] = {};

  __device__ __forceinline__ void load(const Arguments& a, int c, float share, int lane) {
#pragma unroll
    for (int i = 0; i < kQuadsOfLane; ++i) {
      const int k = (i * kLanes + lane) * 4;
      if (c >= a.channels || k >= a.channels) continue;
      const auto quad = *reinterpret_cast<const float4*>(a.dcovariance + c * a.channels + k);
      value[i][0] = 2 * share * quad.x;
      value[i][1] = 2 * share * quad.y;
      value[i][2] = 2 * share * quad.z;
      value[i][3] = 2 * share * quad.w;
    }
  }

  // Writes the row's fragments, its offset and its scale.
  template <class T>
  __device__ __forceinline__ void store(const Arguments& a, int c, float share, int lane, uint2* fragments,
                                        float* offset, float* scale) const {
    using L = Layout<kChannels>;
    float largest = 0;
#pragma unroll
    for (int i = 0; i < kQuadsOfLane; ++i) {
#pragma unroll
      for (const float v : value[i]) largest = fmaxf(largest, fabsf(v));
    }
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
      largest = fmaxf(largest, __shfl_xor_sync(0xffffffffU, largest, distance));
    }
    int exponent = 0;
    frexpf(largest, &exponent);  // largest = f 2^exponent, f in [1/2, 1)
    const float up = ldexpf(1.0F, -exponent), down = ldexpf(1.0F, exponent);
    // Column c of the product stands at column g of the tile 4 (c / 32) + q, c % 32 = 8 (g / 2) + 2 q + g
    // % 2.
    const int tile = c / 32 * 4 + c % 8 / 2, g = c % 32 / 8 * 2 + c % 2;
    float at_mean = 0;
#pragma unroll
    for (int i = 0; i < kQuadsOfLane; ++i) {
      const int quad = i * kLanes + lane, k = quad * 4;
      if (quad >= kQuads) continue;
      const uint2 rounded{round_pair<T>(value[i][0] * up, value[i][1] * up),
                          round_pair<T>(value[i][2] * up, value[i][3] * up)};
      const int step = k / 32 * 2 + quad % 2, t = k % 32 / 8;
      fragments[L::fragment(step, tile, g * 4 + t)] = rounded;
      if (k >= a.channels) continue;
      const auto values = *reinterpret_cast<const Pack<T, 4>*>(&rounded);
#pragma unroll
      for (int j = 0; j < 4; ++j) at_mean += to_float(values.value[j]) * a.mean[k + j];
    }
    at_mean = warp_sum(at_mean);
    if (lane != 0) return;
    offset[c] = c < a.channels ? a.dmean[c] * share - at_mean * down : 0;
    scale[c] = down;
  }
};

// Fragments, scale and offset of all rows of the slope: a warp takes some together, whose loads overlap.
template <class T, int kChannels>
__device__ void load_slope(const Arguments& a, uint2* fragments, float* offset, float* scale) {
  constexpr int kTogether = 4;
  const int warp = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const int warps = static_cast<int>(blockDim.x) / kLanes;
  const float share = 1 / static_cast<float>(a.rows);
  for (int first = warp * kTogether; first < kChannels; first += warps * kTogether) {
    SlopeRow<kChannels> rows[kTogether];
#pragma unroll
    for (int i = 0; i < kTogether; ++i) rows[i].load(a, first + i, share, lane);
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      rows[i].template store<T>(a, first + i, share, lane, fragments, offset, scale);
    }
  }
}

// The 8 channels of a block of 32 that a lane has of a row; null where there are none.
template <class T>
__device__ __forceinline__ T* lane_channels(T* image, const Arguments& a, std::int64_t row, int block,
                                            int lane) {
  const int channel = block * 32 + lane % 4 * 8;
  return row < a.rows && channel < a.channels ? image + row * a.channels + channel : nullptr;
}

// A lane's part of its warp's ring.
template <class T, int kChannels>
struct LaneRing {
  using L = Layout<kChannels>;
  uint4* first;
  int place = 0;

  __device__ LaneRing(unsigned char* rings, int warp, int lane)
      : first(reinterpret_cast<uint4*>(rings + warp * L::kRingBytes) + lane) {}

  // Of x (0) or dx (1), in one of two rows eight apart.
  __device__ __forceinline__ uint4* pack(int image, int block, int half) const {
    return first + place * L::kPlacePacks + ((image * L::kBlocksOf32 + block) * 2 + half) * kLanes;
  }
  __device__ __forceinline__ void start_copies(const T* x, const T* dx, const Arguments& a, std::int64_t row,
                                               int lane) const {
#pragma unroll
    for (int i = 0; i < 2 * L::kBlocksOf32; ++i) {
      const int block = i / 2, half = i % 2;
      const T* const from_x = lane_channels(x, a, row + half * 8, block, lane);
      const T* const from_dx = lane_channels(dx, a, row + half * 8, block, lane);
      copy_async_16(shared_address(pack(0, block, half)), from_x, from_x != nullptr);
      copy_async_16(shared_address(pack(1, block, half)), from_dx, from_dx != nullptr);
    }
    commit_copies();
  }
  __device__ __forceinline__ void advance() { place = place + 1 == L::kPlaces ? 0 : place + 1; }
};

// Offset and scale of 8 neighbouring channels.
struct Affine {
  float offset[8], scale[8];

  __device__ __forceinline__ Affine(const float* offsets, const float* scales) {
    load_four(offsets, offset);
    load_four(offsets + 4, offset + 4);
    load_four(scales, scale);
    load_four(scales + 4, scale + 4);
  }
  static __device__ __forceinline__ void load_four(const float* from, float* to) {
    const auto four = *reinterpret_cast<const float4*>(from);
    to[0] = four.x;
    to[1] = four.y;
    to[2] = four.z;
    to[3] = four.w;
  }
};

template <class T>
__device__ __forceinline__ uint4 add_to(const uint4& dx, const float (&sum)[4][4], int half,
                                        const Affine& affine) {
  auto pack = *reinterpret_cast<const Pack<T, 8>*>(&dx);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const float term = sum[i / 2][half * 2 + i % 2] * affine.scale[i] + affine.offset[i];
    pack.value[i] = from_float<T>(to_float(pack.value[i]) + term);
  }
  return *reinterpret_cast<const uint4*>(&pack);
}

template <class T, int kChannels>
__global__ void __launch_bounds__(Layout<kChannels>::kMostWarps* kLanes)
    add_gradient_kernel(const T* x, Arguments a, T* dx) {
  using L = Layout<kChannels>;
  extern __shared__ __align__(16) unsigned char shared[];
  auto* fragments = reinterpret_cast<uint2*>(shared);
  auto* offset = reinterpret_cast<float*>(shared + L::kFragmentBytes);
  float* scale = offset + kChannels;
  const int warp = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const std::int64_t warps = blockDim.x / kLanes, stride = gridDim.x * warps * kRows;
  const std::int64_t first = (blockIdx.x * warps + warp) * kRows + lane / 4;
  LaneRing<T, kChannels> ring(shared + L::kSlopeBytes, warp, lane);
  for (int i = 0; i < L::kPlaces; ++i) {
    ring.start_copies(x, dx, a, first + i * stride, lane);
    ring.advance();
  }
  load_slope<T, kChannels>(a, fragments, offset, scale);
  __syncthreads();

  for (std::int64_t row = first; row - lane / 4 < a.rows; row += stride) {
    wait_for_copies<L::kPlaces - 1>();
    uint4 in[L::kBlocksOf32][2];
#pragma unroll
    for (int i = 0; i < 2 * L::kBlocksOf32; ++i) in[i / 2][i % 2] = *ring.pack(0, i / 2, i % 2);
#pragma unroll
    for (int block = 0; block < L::kBlocksOf32; ++block) {
      float sum[4][4] = {};
#pragma unroll
      for (int step = 0; step < L::kSteps; ++step) {
        const uint4 &up = in[step / 2][0], &low = in[step / 2][1];
        const MatrixA rows =
            step % 2 == 0 ? MatrixA{up.x, low.x, up.y, low.y} : MatrixA{up.z, low.z, up.w, low.w};
#pragma unroll
        for (int q = 0; q < 4; q += 2) {
          const auto two =
              *reinterpret_cast<const uint4*>(fragments + L::fragment(step, block * 4 + q, lane));
          multiply_add<T>(sum[q], rows, two.x, two.y);
          multiply_add<T>(sum[q + 1], rows, two.z, two.w);
        }
      }
      const int channel = block * 32 + lane % 4 * 8;
      const Affine affine(offset + channel, scale + channel);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if (T* const to = lane_channels(dx, a, row + half * 8, block, lane)) {
          *reinterpret_cast<uint4*>(to) = add_to<T>(*ring.pack(1, block, half), sum, half, affine);
        }
      }
    }
    ring.start_copies(x, dx, a, row + L::kPlaces * stride, lane);
    ring.advance();
  }
}

}  // namespace

template <class T>
void covariance(Cuda place, const CovarianceBackward<T>& a) {
  check(a);
  constexpr auto kName = "covariance backward";
  const std::int64_t rows = a.x.template extent<M>().value, channels = a.x.template extent<C>().value;
  CF_CHECK_AS(ErrorKind::Usage, channels % 8 == 0 && channels <= kMostCovarianceChannels, kName,
              ": x has C=", channels, ", the GPU takes multiples of 8 up to ", kMostCovarianceChannels);
  CF_CHECK(aligned_to(16, a.x.data(), a.dx.data(), a.dcovariance.data()), kName,
           ": x, dx and dcovariance must be aligned to 16 bytes");
  const Arguments arguments{rows, static_cast<int>(channels), a.mean.data(), a.dmean.data(),
                            a.dcovariance.data()};
  dispatch<32, 64, 96, 128, 160, 192>(
      "channels", static_cast<int>((channels + 31) / 32 * 32), [&]<int kChannels>() {
        using L = Layout<kChannels>;
        const int warps = L::warps(shared_memory_of_block(0));
        const std::int64_t parts = (rows + kRows * warps - 1) / (kRows * warps);
        const auto blocks = std::min<std::int64_t>(parts, multiprocessors_of(place));
        launch(kName, add_gradient_kernel<T, kChannels>,
               {.grid = static_cast<unsigned>(blocks),
                .block = static_cast<unsigned>(warps * kLanes),
                .shared_bytes = static_cast<std::size_t>(L::kSlopeBytes + warps * L::kRingBytes)},
               place, a.x.data(), arguments, a.dx.data());
      });
}

#define CF_INSTANTIATE(T) template void covariance(Cuda, const CovarianceBackward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
