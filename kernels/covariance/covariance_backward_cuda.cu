// The gradient through mean and covariance in 16-bit types: dx += offset + slope x on the tensor cores, slope
// [C,C] held in shared memory by each block. Depth and columns of the product are permuted so that a thread
// has 8 neighbouring channels of its rows: x and dx go between memory and registers in packs of 16 bytes.
//
// slope is 2 / M times dcovariance, small numbers: each row of it is scaled by a power of two into the range
// of T, and its sums are scaled back.
#include <algorithm>

#include "kernels/base/alignment.h"
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

constexpr int kWarps = 8, kLanes = 32, kThreads = kWarps * kLanes;
constexpr int kRows = 16;       // of a step of a warp
constexpr int kBlocksEach = 2;  // of a multiprocessor

struct Arguments {
  std::int64_t rows;
  int channels;
  const float *mean, *dmean, *dcovariance;
};

// Shared memory: B fragments of the slope, then offset and scale of each channel.
template <int kChannels>
struct Layout {
  static constexpr int kSteps = kChannels / 16, kTiles = kChannels / 8;
  static constexpr int kFragmentBytes = kSteps * kTiles * kLanes * 8;
  static constexpr int kBytes = kFragmentBytes + 2 * kChannels * 4;
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
      fragments[(step * L::kTiles + tile) * kLanes + g * 4 + t] = rounded;
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
  const float share = 1 / static_cast<float>(a.rows);
  for (int first = warp * kTogether; first < kChannels; first += kWarps * kTogether) {
    SlopeRow<kChannels> rows[kTogether];
#pragma unroll
    for (int i = 0; i < kTogether; ++i) rows[i].load(a, first + i, share, lane);
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      rows[i].template store<T>(a, first + i, share, lane, fragments, offset, scale);
    }
  }
}

// The 8 channels of each block of 32 that a lane has, of two rows eight apart; zeros where there are none.
template <class T, int kChannels>
struct LaneRows {
  static constexpr int kBlocksOf32 = kChannels / 32;
  uint4 upper[kBlocksOf32], lower[kBlocksOf32];

  template <class Pointer>
  static __device__ __forceinline__ Pointer* at(Pointer* image, const Arguments& a, std::int64_t row,
                                                int block, int lane) {
    const int channel = block * 32 + lane % 4 * 8;
    return row < a.rows && channel < a.channels ? image + row * a.channels + channel : nullptr;
  }

  __device__ __forceinline__ void load(const T* image, const Arguments& a, std::int64_t row, int lane) {
#pragma unroll
    for (int b = 0; b < kBlocksOf32; ++b) {
      const T* const first = at(image, a, row, b, lane);
      const T* const second = at(image, a, row + 8, b, lane);
      upper[b] = first != nullptr ? *reinterpret_cast<const uint4*>(first) : uint4{};
      lower[b] = second != nullptr ? *reinterpret_cast<const uint4*>(second) : uint4{};
    }
  }
};

template <class T>
__device__ __forceinline__ uint4 add_to(const uint4& dx, const float (&sum)[4][4], int half,
                                        const float* offset, const float* scale) {
  auto pack = *reinterpret_cast<const Pack<T, 8>*>(&dx);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const float term = sum[i / 2][half * 2 + i % 2] * scale[i] + offset[i];
    pack.value[i] = from_float<T>(to_float(pack.value[i]) + term);
  }
  return *reinterpret_cast<const uint4*>(&pack);
}

template <class T, int kChannels>
__global__ void __launch_bounds__(kThreads) add_gradient_kernel(const T* x, Arguments a, T* dx) {
  using L = Layout<kChannels>;
  extern __shared__ __align__(16) unsigned char shared[];
  auto* fragments = reinterpret_cast<uint2*>(shared);
  auto* offset = reinterpret_cast<float*>(shared + L::kFragmentBytes);
  float* scale = offset + kChannels;
  load_slope<T, kChannels>(a, fragments, offset, scale);
  __syncthreads();

  const int warp = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  using Lanes = LaneRows<T, kChannels>;
  const std::int64_t stride = std::int64_t{gridDim.x} * kWarps * kRows;
  for (std::int64_t start = (std::int64_t{blockIdx.x} * kWarps + warp) * kRows; start < a.rows;
       start += stride) {
    const std::int64_t row = start + lane / 4;
    Lanes in, out;
    in.load(x, a, row, lane);
    out.load(dx, a, row, lane);
#pragma unroll
    for (int block = 0; block < Lanes::kBlocksOf32; ++block) {
      float sum[4][4] = {};
#pragma unroll
      for (int step = 0; step < L::kSteps; ++step) {
        const uint4 &up = in.upper[step / 2], &low = in.lower[step / 2];
        const MatrixA rows =
            step % 2 == 0 ? MatrixA{up.x, low.x, up.y, low.y} : MatrixA{up.z, low.z, up.w, low.w};
#pragma unroll
        for (int q = 0; q < 4; ++q) {
          const uint2 b = fragments[(step * L::kTiles + block * 4 + q) * kLanes + lane];
          multiply_add<T>(sum[q], rows, b.x, b.y);
        }
      }
      const int channel = block * 32 + lane % 4 * 8;
      if (T* const to = Lanes::at(dx, a, row, block, lane)) {
        *reinterpret_cast<uint4*>(to) =
            add_to<T>(out.upper[block], sum, 0, offset + channel, scale + channel);
      }
      if (T* const to = Lanes::at(dx, a, row + 8, block, lane)) {
        *reinterpret_cast<uint4*>(to) =
            add_to<T>(out.lower[block], sum, 1, offset + channel, scale + channel);
      }
    }
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
  const auto blocks = std::min<std::int64_t>((rows + kRows * kWarps - 1) / (kRows * kWarps),
                                             kBlocksEach * multiprocessors_of(place));
  dispatch<32, 64, 96, 128, 160, 192>("channels", static_cast<int>((channels + 31) / 32 * 32),
                                      [&]<int kChannels>() {
                                        launch(kName, add_gradient_kernel<T, kChannels>,
                                               {.grid = static_cast<unsigned>(blocks),
                                                .block = kThreads,
                                                .shared_bytes = Layout<kChannels>::kBytes},
                                               place, a.x.data(), arguments, a.dx.data());
                                      });
}

#define CF_INSTANTIATE(T) template void covariance(Cuda, const CovarianceBackward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
