// y' = weight x', tile by tile: a warpgroup holds the weights of its 64 channels in registers, as wgmma's
// first factor, for all tiles of its block; the copy engine brings 128 rows of x for each, the second factor,
// 64 of their values in a slot of a ring. So a lane has but two channels, of many rows: their statistics cost
// a few instructions a value, and no exchange before the end. y leaves through shared memory, transposed on
// the way.
#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/copy_ring.cuh"
#include "kernels/base/dependent_launch.cuh"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/base/launch_clusters.cuh"
#include "kernels/base/named_barrier.cuh"
#include "kernels/base/pairs.cuh"
#include "kernels/base/wgmma.cuh"
#include "kernels/batch_norm/partial_moments.h"
#include "kernels/batch_norm/row_moments.cuh"
#include "kernels/linear/linear_check.h"
#include "kernels/linear/linear_statistics_wgmma.h"

namespace cf::kernels {

namespace {

constexpr std::string_view kName = "linear forward with statistics";
constexpr int kWarp = 32, kTeamThreads = 4 * kWarp, kTeams = 2, kThreads = (kTeams + 1) * kTeamThreads;
constexpr int kTeamChannels = 64, kBlockChannels = kTeams * kTeamChannels;
constexpr int kRows = 128, kDepth = 64, kRowBytes = 128;  // of a tile; of a slot
constexpr int kSlotBytes = kRows * kRowBytes, kSlots = 11;
constexpr int kStagedBytes = kRows * kTeamChannels * 2;  // of a team, on its way out
constexpr int kSharedBytes = kSlots * (kSlotBytes + 16) + kTeams * kStagedBytes;

template <class T>
struct StatisticsArguments {
  CUtensorMap x, y;
  const T* weight;
  float* moments;  // as PartialMoments
  int rows, channels;
};

template <class T, int kChannelsIn>
class StatisticsWorker {
 public:
  __device__ __forceinline__ StatisticsWorker(const StatisticsArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        base_(shared_address(shared)),
        team_(static_cast<int>(threadIdx.x) / kTeamThreads),
        lane_(static_cast<int>(threadIdx.x) % kWarp),
        channel_(static_cast<int>(blockIdx.x) * kBlockChannels + static_cast<int>(threadIdx.x) / kWarp * 16),
        ring_{base_ + kSlots * kSlotBytes + kTeams * kStagedBytes, kSlots} {}

  __device__ __forceinline__ void run() {
    start_next_kernel();
    if (threadIdx.x == 0) {
      ring_.init(4 * kTeams);
      fence_barriers();
    }
    __syncthreads();
    wait_for_last_kernel();
    if (team_ == kTeams) {
      release_registers<kCopyRegisters>();
      if (threadIdx.x == kTeams * kTeamThreads) copy();
    } else {
      claim_registers<kTeamRegisters>();
      multiply();
    }
  }

 private:
  // Of a thread of the copying warpgroup, of the others.
  static constexpr int kCopyRegisters = 24, kTeamRegisters = 240;
  static constexpr int kSteps = kDepth / 16, kChunks = kChannelsIn / kDepth;
  using Sums = float[kRows / 8][4];
  using Weights = MatrixA[kChunks * kSteps];

  // The last tile first: whoever reads y next may begin with the first rows, still in the L2 cache.
  __device__ __forceinline__ int last_tile() const {
    return (a_.rows + kRows - 1) / kRows - 1 - static_cast<int>(blockIdx.y);
  }

  __device__ __forceinline__ void copy() {
    for (int tile = last_tile(); tile >= 0; tile -= static_cast<int>(gridDim.y)) {
      for (int chunk = 0; chunk < kChunks; ++chunk) {
        ring_.wait_until_empty();
        expect_bytes(ring_.full(), kSlotBytes);
        copy_tensor(base_ + ring_.slot * kSlotBytes, a_.x, ring_.full(), chunk * kDepth, tile * kRows);
        ring_.advance();
      }
    }
  }

  __device__ __forceinline__ void multiply() {
    Weights weights;
    load_weights(weights);
    RowMoments moments[2];
    for (int tile = last_tile(); tile >= 0; tile -= static_cast<int>(gridDim.y)) {
      Sums sum;
      multiply_tile(weights, sum);
      const int rows = a_.rows - tile * kRows;
      if (rows >= kRows) {
        store<true>(sum, tile, kRows, moments);
      } else {
        store<false>(sum, tile, rows, moments);
      }
    }
    store_moments(moments);
    wait_for_tensor_stores();
  }

  __device__ __forceinline__ void load_weights(Weights& weights) const {
    const T* const row = a_.weight + std::int64_t{channel_ + lane_ / 4} * kChannelsIn + lane_ % 4 * 2;
    const auto pair = [&](int down, int across) {
      return *reinterpret_cast<const std::uint32_t*>(row + down * kChannelsIn + across);
    };
#pragma unroll
    for (int i = 0; i < kChunks * kSteps; ++i) {
      weights[i] = {pair(0, i * 16), pair(8, i * 16), pair(0, i * 16 + 8), pair(8, i * 16 + 8)};
    }
  }

  __device__ __forceinline__ void multiply_tile(const Weights& weights, Sums& sum) {
    int last = -1;
#pragma unroll
    for (int chunk = 0; chunk < kChunks; ++chunk) {
      ring_.wait_until_full();
      const std::uint32_t slot = base_ + ring_.slot * kSlotBytes;
      warpgroup_fence();
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        const auto rows = matrix_descriptor<kRowBytes>(slot + step * 32);
        if (chunk == 0 && step == 0) {
          warpgroup_multiply<T, Contiguous::Depth, Sum::Starts>(sum, weights[0], rows);
        } else {
          warpgroup_multiply<T>(sum, weights[chunk * kSteps + step], rows);
        }
      }
      warpgroup_commit();
      if (chunk > 0) {
        warpgroup_wait<1>();
        ring_.release(last);
      }
      last = ring_.slot;
      ring_.advance();
    }
    warpgroup_wait<0>();
    warpgroup_pin(sum);
    ring_.release(last);
  }

  // A lane has channels lane / 4 and 8 more of its warp's 16, of rows 8 i + 2 (lane % 4) and the next.
  template <bool kWhole>
  __device__ __forceinline__ void store(const Sums& sum, int tile, int rows, RowMoments (&moments)[2]) const {
    const std::uint32_t staged = base_ + kSlots * kSlotBytes + team_ * kStagedBytes;
    const bool issues = static_cast<int>(threadIdx.x) % kTeamThreads == 0;
    if (issues) wait_for_tensor_stores();  // of the tile before
    named_barrier(1 + team_, kTeamThreads);
    const int piece = static_cast<int>(threadIdx.x) % kTeamThreads / kWarp * 2 + lane_ / 8 % 2;
    const std::uint32_t to = staged + (lane_ / 16 * 8 + lane_ % 8) * kRowBytes + (piece ^ lane_ % 8) * 16;
    set_shifts(sum, moments);
#pragma unroll
    for (int i = 0; i < kRows / 8; i += 2) {
      std::uint32_t pair[2][2];
#pragma unroll
      for (int j = 0; j < 2; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          pair[j][half] = round_pair<T>(sum[i + j][2 * half], sum[i + j][2 * half + 1]);
          add<kWhole>(pair[j][half], (i + j) * 8 + lane_ % 4 * 2, rows, moments[half]);
        }
      }
      store_matrices_as_columns(to + i * 8 * kRowBytes, pair[0][0], pair[0][1], pair[1][0], pair[1][1]);
    }
    if (kWhole) {
      for (RowMoments& of_channel : moments) of_channel.count += kRows / 4;
    }
    fence_for_warpgroups();
    named_barrier(1 + team_, kTeamThreads);
    if (!issues) return;
    store_tensor(staged, a_.y, static_cast<int>(blockIdx.x) * kBlockChannels + team_ * kTeamChannels,
                 tile * kRows);
    commit_tensor_stores();
  }

  // The lane's first values, whatever rows they are of.
  static __device__ __forceinline__ void set_shifts(const Sums& sum, RowMoments (&moments)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float first = floats_of_pair<T>(round_pair<T>(sum[0][2 * half], sum[0][2 * half + 1])).x;
      if (moments[half].count == 0) moments[half].shift = first;
    }
  }

  // The rows `row` and the next, as they are rounded.
  template <bool kWhole>
  static __device__ __forceinline__ void add(std::uint32_t pair, int row, int rows, RowMoments& moments) {
    const float2 value = floats_of_pair<T>(pair);
    if (kWhole || row < rows) moments.add(value.x);
    if (kWhole || row + 1 < rows) moments.add(value.y);
    if (!kWhole) moments.count += static_cast<float>(min(max(rows - row, 0), 2));
  }

  __device__ __forceinline__ void store_moments(const RowMoments (&moments)[2]) const {
    const auto parts = static_cast<std::int64_t>(gridDim.y), part = static_cast<std::int64_t>(blockIdx.y);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Deviations of_lane(moments[half]);
      of_lane.join_lane(1);
      of_lane.join_lane(2);
      const int channel = channel_ + half * 8 + lane_ / 4;
      if (lane_ % 4 != 0) continue;
      a_.moments[part * a_.channels + channel] = of_lane.mean;
      a_.moments[(parts + part) * a_.channels + channel] = of_lane.squares;
      if (channel == 0) a_.moments[2 * parts * a_.channels + part] = of_lane.count;
    }
  }

  const StatisticsArguments<T>& a_;
  const std::uint32_t base_;
  const int team_, lane_;
  const int channel_;  // the warp's first
  CopyRing ring_;
};

template <class T, int kChannelsIn>
__global__ void __launch_bounds__(kThreads, 1)
    linear_statistics_kernel(const __grid_constant__ StatisticsArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  StatisticsWorker<T, kChannelsIn>(arguments, shared).run();
#else
  __trap();  // never chosen, see has_hopper_code()
#endif
}

// Blocks along the rows: one wave of them, each with a tile at least.
template <class T>
std::int64_t parts_of(Cuda place, const LinearForward<T>& a) {
  const std::int64_t tiles = (a.y.template extent<M>().value + kRows - 1) / kRows,
                     blocks = a.y.template extent<K>().value / kBlockChannels;
  return std::clamp<std::int64_t>(multiprocessors_of(place) / blocks, 1, tiles);
}

template <class T>
bool takes(const LinearForward<T>& a) {
  constexpr std::int64_t kMostRows = std::int64_t{1} << 30;
  const std::int64_t rows = a.y.template extent<M>().value, in = a.x.template extent<C>().value,
                     out = a.y.template extent<K>().value;
  const bool fits = !a.bias && rows > 0 && rows <= kMostRows && fit_statistics_at_the_store(in, out) &&
                    aligned_to(16, a.x.data(), a.weight.data(), a.y.data());
  return fits && shared_memory_of_block(0) >= kSharedBytes &&
         has_hopper_code<linear_statistics_kernel<T, 256>>();
}

}  // namespace

bool takes_statistics_at_the_store(Cuda, const LinearForward<Half>& a) { return takes(a); }
bool takes_statistics_at_the_store(Cuda, const LinearForward<BFloat16>& a) { return takes(a); }

template <class T>
void linear_statistics_by_wgmma(Cuda place, const LinearForward<T>& a) {
  const std::int64_t rows = a.y.template extent<M>().value, in = a.x.template extent<C>().value,
                     out = a.y.template extent<K>().value, parts = parts_of(place, a);
  float* const moments = workspace_as<float>(
      kName, a.workspace, static_cast<std::size_t>(detail::partial_moments_size(parts, out)));
  const StatisticsArguments<T> arguments{
      .x = tensor_map<2>(a.x.data(), {{in, kDepth}, {rows, kRows, in * 2}}),
      .y = tensor_map<2>(a.y.data(), {{out, kTeamChannels}, {rows, kRows, out * 2}}),
      .weight = a.weight.data(),
      .moments = moments,
      .rows = static_cast<int>(rows),
      .channels = static_cast<int>(out)};
  const LaunchShape shape{.grid = {static_cast<unsigned>(out / kBlockChannels), static_cast<unsigned>(parts)},
                          .block = kThreads,
                          .shared_bytes = kSharedBytes};
  dispatch<128, 192, 256, 384, 512>("input channels", static_cast<int>(in), [&]<int kChannelsIn>() {
    launch_clusters(kName, linear_statistics_kernel<T, kChannelsIn>, shape, 1, place, arguments);
  });
  detail::join_moments(place, kName, {moments, static_cast<int>(parts), static_cast<int>(out)}, a.mean.data(),
                       a.variance.data());
}

template <class T>
std::size_t statistics_wgmma_bytes(Cuda place, const LinearForward<T>& a) {
  return sizeof(float) * static_cast<std::size_t>(detail::partial_moments_size(
                             parts_of(place, a), a.y.template extent<K>().value));
}

#define CF_INSTANTIATE(T)                                                  \
  template void linear_statistics_by_wgmma(Cuda, const LinearForward<T>&); \
  template std::size_t statistics_wgmma_bytes(Cuda, const LinearForward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
