// dweight = dh' x with channels of h as rows: a block has 128 of them, by all channels of x, and a
// slice of the rows of the tensors. The copy engine brings chunks of x, h and dy to a ring; a warpgroup reads
// 64 channels of 16 rows as the fragments of wgmma's first factor, makes dh of them in registers while its
// product before runs, and puts it down for the copy engine to write. x, the second factor, is used as it
// lies. Blocks of a cluster have different channels of the same rows and bring each other's x.
#include <algorithm>

#include "kernels/activation/activation.cuh"
#include "kernels/base/alignment.h"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/base/launch_clusters.cuh"
#include "kernels/base/named_barrier.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/base/pairs.cuh"
#include "kernels/base/wgmma_wide.cuh"
#include "kernels/gemm/add_partials.h"
#include "kernels/linear/linear_weight_through_norm.h"
#include "kernels/mbconv_forward/hopper_cluster.cuh"

namespace cf::kernels {

namespace {

constexpr std::string_view kName = "linear backward weight through a norm";
constexpr int kWarp = 32, kTeamThreads = 4 * kWarp, kTeams = 2, kThreads = (kTeams + 1) * kTeamThreads;
constexpr int kTeamChannels = 64, kBlockChannels = kTeams * kTeamChannels;
constexpr int kRows = 64, kStep = 16;                          // of a chunk; of a product
constexpr int kRowBytes = 128, kBoxBytes = kRows * kRowBytes;  // 64 channels of a chunk

template <int kColumns>
struct Slots {
  static constexpr int kBoxes = kColumns / 64;                          // of x
  static constexpr int kSlotBytes = (kBoxes + 2 * kTeams) * kBoxBytes;  // the boxes of x, of dy, of h
  static constexpr int kSlots = (227 * 1024 - kTeams * kBoxBytes) / (kSlotBytes + 16);
  static constexpr int kStaged = kSlots * kSlotBytes;  // a box for each warpgroup, dh on its way out
  static constexpr int kRing = kStaged + kTeams * kBoxBytes;
  static constexpr int kSharedBytes = kRing + kSlots * 16;
};

struct ThroughNormArguments {
  CUtensorMap x, h, dy;  // dy is overwritten with dh
  const float *mean, *bias, *scale, *slope, *offset;
  float* partial;  // [slices, channels, columns]
  int channels, chunks;
};

template <class T, Activation kActivation, int kColumns>
class ThroughNormWorker {
 public:
  __device__ __forceinline__ ThroughNormWorker(const ThroughNormArguments& arguments, unsigned char* shared)
      : a_(arguments),
        base_(shared_address(shared)),
        team_(static_cast<int>(threadIdx.x) / kTeamThreads),
        lane_(static_cast<int>(threadIdx.x) % kWarp),
        block_channel_(static_cast<int>(blockIdx.x) * kBlockChannels),
        ring_{{base_ + Own::kRing, kSlots}} {
    const auto slice = static_cast<std::int64_t>(blockIdx.y), slices = static_cast<std::int64_t>(gridDim.y);
    first_ = static_cast<int>(slice * a_.chunks / slices);
    last_ = static_cast<int>((slice + 1) * a_.chunks / slices);
  }

  __device__ __forceinline__ void run() {
    start_next_kernel();
    if (threadIdx.x == 0) {
      ring_.init(4 * kTeams * mbconv_hopper::cluster_size());
      fence_barriers();
    }
    mbconv_hopper::cluster_barrier();
    wait_for_last_kernel();
    if (team_ == kTeams) {
      release_registers<kCopyRegisters>();
      if (threadIdx.x == kTeams * kTeamThreads) copy();
      mbconv_hopper::leave_cluster();
    } else {
      claim_registers<kTeamRegisters>();
      multiply();
      mbconv_hopper::leave_cluster();
      store_sums();
      wait_for_tensor_stores();
    }
  }

 private:
  using Own = Slots<kColumns>;
  static constexpr int kSteps = kRows / kStep;
  static constexpr int kBoxes = Own::kBoxes, kSlots = Own::kSlots, kSlotBytes = Own::kSlotBytes;
  // Of a thread of the copying warpgroup, of the others.
  static constexpr int kCopyRegisters = 24, kTeamRegisters = 240;

  __device__ __forceinline__ void copy() {
    const int blocks = mbconv_hopper::cluster_size(), rank = mbconv_hopper::cluster_rank();
    for (int chunk = last_ - 1; chunk >= first_; --chunk) {
      const std::uint32_t slot = base_ + ring_.slot * kSlotBytes;
      ring_.wait_until_empty();
      expect_bytes(ring_.full(), kSlotBytes);
      for (int team = 0; team < kTeams; ++team) {
        const int channel = block_channel_ + team * kTeamChannels;
        copy_tensor(slot + (kBoxes + team) * kBoxBytes, a_.dy, ring_.full(), channel, chunk * kRows);
        copy_tensor(slot + (kBoxes + kTeams + team) * kBoxBytes, a_.h, ring_.full(), channel, chunk * kRows);
      }
      for (int box = rank; box < kBoxes; box += blocks) {
        mbconv_hopper::copy_tensor_to_cluster(slot + box * kBoxBytes, a_.x, ring_.full(), blocks, box * 64,
                                              chunk * kRows);
      }
      ring_.advance();
    }
  }

  // The last chunk first: the kernel before has left those in the L2 cache.
  __device__ __forceinline__ void multiply() {
    load_norm();
    const int warp = static_cast<int>(threadIdx.x) % kTeamThreads / kWarp, piece = warp * 2 + lane_ / 8 % 2;
    const std::uint32_t place = (lane_ / 16 * 8 + lane_ % 8) * kRowBytes + (piece ^ lane_ % 8) * 16;
    const std::uint32_t dy = base_ + (kBoxes + team_) * kBoxBytes + place;
    // In a cluster the upper bits of an address are the block's rank, which is no descriptor's business.
    constexpr std::uint32_t kSharedBits = 0x3ffff;
    const std::uint32_t x = descriptor_start(base_ & kSharedBits, kBoxBytes);
#pragma unroll
    for (int i = 0; i < kColumns / 8; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) sum_[i][j] = 0;
    }
    warpgroup_pin(sum_);
    MatrixA dh[2];
    int last = -1;
    for (int chunk = last_ - 1; chunk >= first_; --chunk) {
      if (issues()) wait_for_tensor_stores();  // of the chunk before
      named_barrier(1 + team_, kTeamThreads);
      ring_.wait_until_full();
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        const std::uint32_t within = ring_.slot * kSlotBytes + step * kStep * kRowBytes;
        MatrixA& now = dh[step % 2];
        make_gradient(dy + within, now);
        store_matrices_as_columns(staged() + step * kStep * kRowBytes + place, now.upper_left, now.lower_left,
                                  now.upper_right, now.lower_right);
        warpgroup_fence();
        warpgroup_multiply<T, Contiguous::Columns>(sum_, now, descriptor_from<kRowBytes>(x + within / 16));
        warpgroup_commit();
        warpgroup_wait<1>();
        if (step == 0 && last >= 0) ring_.release(last);
      }
      store_gradient(chunk);
      last = ring_.slot;
      ring_.advance();
    }
    warpgroup_wait<0>();
    warpgroup_pin(sum_);
  }

  __device__ __forceinline__ bool issues() const { return static_cast<int>(threadIdx.x) % kTeamThreads == 0; }
  __device__ __forceinline__ std::uint32_t staged() const { return base_ + Own::kStaged + team_ * kBoxBytes; }

  // A lane has channels channel_ and channel_ + 8.
  __device__ __forceinline__ void load_norm() {
    const int warp = static_cast<int>(threadIdx.x) % kTeamThreads / kWarp;
    channel_ = block_channel_ + team_ * kTeamChannels + warp * 16 + lane_ / 4;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      mean_[half] = a_.mean[channel_ + half * 8];
      bias_[half] = a_.bias[channel_ + half * 8];
      scale_[half] = a_.scale[channel_ + half * 8];
      slope_[half] = a_.slope[channel_ + half * 8];
      offset_[half] = a_.offset[channel_ + half * 8];
    }
  }

  // Of 16 rows from those of dy at `at` on, h that many boxes behind. Rows behind the last one are not zeros,
  // but those of x are.
  __device__ __forceinline__ void make_gradient(std::uint32_t at, MatrixA& dh) const {
    MatrixA h;
    load_matrices<Rows::AsColumns>(at, dh.upper_left, dh.lower_left, dh.upper_right, dh.lower_right);
    load_matrices<Rows::AsColumns>(at + kTeams * kBoxBytes, h.upper_left, h.lower_left, h.upper_right,
                                   h.lower_right);
    make_gradient(h.upper_left, 0, dh.upper_left);
    make_gradient(h.lower_left, 1, dh.lower_left);
    make_gradient(h.upper_right, 0, dh.upper_right);
    make_gradient(h.lower_right, 1, dh.lower_right);
  }
  __device__ __forceinline__ void make_gradient(std::uint32_t h, int half, std::uint32_t& pair) const {
    const float2 dy = floats_of_pair<T>(pair), value = floats_of_pair<T>(h);
    const auto of = [&](float gradient, float x) {
      const float deviation = x - mean_[half];
      const float da =
          device::activation_gradient<kActivation>(scale_[half] * deviation + bias_[half], gradient);
      return scale_[half] * da + (slope_[half] * deviation + offset_[half]);
    };
    pair = round_pair<T>(of(dy.x, value.x), of(dy.y, value.y));
  }

  __device__ __forceinline__ void store_gradient(int chunk) const {
    fence_for_warpgroups();
    named_barrier(1 + team_, kTeamThreads);
    if (!issues()) return;
    store_tensor(staged(), a_.dy, block_channel_ + team_ * kTeamChannels, chunk * kRows);
    commit_tensor_stores();
  }

  __device__ __forceinline__ void store_sums() const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const std::int64_t row = std::int64_t{blockIdx.y} * a_.channels + channel_ + half * 8;
      float* const to = a_.partial + row * kColumns + lane_ % 4 * 2;
#pragma unroll
      for (int i = 0; i < kColumns / 8; ++i) {
        store_pack<float, 2>(to + i * 8, {sum_[i][half * 2], sum_[i][half * 2 + 1]});
      }
    }
  }

  const ThroughNormArguments& a_;
  const std::uint32_t base_;
  const int team_, lane_;
  const int block_channel_;
  mbconv_hopper::Ring ring_;
  int first_, last_;  // chunks
  int channel_ = 0;
  float mean_[2], bias_[2], scale_[2], slope_[2], offset_[2];
  float sum_[kColumns / 8][4];
};

template <class T, Activation kActivation, int kColumns>
__global__ void __launch_bounds__(kThreads, 1)
    weight_through_norm_kernel(const __grid_constant__ ThroughNormArguments arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  ThroughNormWorker<T, kActivation, kColumns>(arguments, shared).run();
#else
  __trap();  // never chosen, see has_hopper_code()
#endif
}

// How the work is cut, by the extents and the limit on multiprocessors alone: so are the sums.
struct Cut {
  std::int64_t blocks, chunks, slices, cluster;

  template <class T>
  Cut(Cuda place, const LinearWeightThroughNorm<T>& a) {
    constexpr std::int64_t kMultiprocessors = 132, kFewestChunks = 4;
    blocks = a.h.template extent<K>().value / kBlockChannels;
    chunks = (a.x.template extent<M>().value + kRows - 1) / kRows;
    const std::int64_t fit =
        place.sm_limit > 0 ? std::min<std::int64_t>(place.sm_limit, kMultiprocessors) : kMultiprocessors;
    slices = std::clamp<std::int64_t>(fit / blocks, 1, std::max<std::int64_t>(chunks / kFewestChunks, 1));
    cluster = blocks % 2 == 0 ? 2 : 1;
  }
};

}  // namespace

template <class T>
bool takes_weight_through_norm(const LinearWeightThroughNorm<T>& a) {
  constexpr std::int64_t kMostRows = std::int64_t{1} << 30;
  const std::int64_t rows = a.x.template extent<M>().value;
  return rows > 0 && rows <= kMostRows &&
         fit_weight_through_norm(a.x.template extent<C>().value, a.h.template extent<K>().value) &&
         (a.activation == Activation::Relu || a.activation == Activation::None) &&
         aligned_to(16, a.x.data(), a.h.data(), a.dy.data()) &&
         shared_memory_of_block(0) >= Slots<256>::kSharedBytes &&
         has_hopper_code<weight_through_norm_kernel<T, Activation::Relu, 256>>();
}

template <class T>
void linear_weight_through_norm(Cuda place, const LinearWeightThroughNorm<T>& a) {
  const std::int64_t rows = a.x.template extent<M>().value, columns = a.x.template extent<C>().value,
                     channels = a.h.template extent<K>().value, size = a.dweight.size();
  const Cut cut(place, a);
  float* const partial = workspace_as<float>(kName, a.workspace, static_cast<std::size_t>(cut.slices * size));
  dispatch<128, 256>("input channels", static_cast<int>(columns), [&]<int kColumns>() {
    const auto map = [&](const T* data, std::int64_t width) {
      return tensor_map<2>(data, {{width, 64}, {rows, kRows, width * 2}});
    };
    const ThroughNormArguments arguments{.x = map(a.x.data(), columns),
                                         .h = map(a.h.data(), channels),
                                         .dy = map(a.dy.data(), channels),
                                         .mean = a.mean,
                                         .bias = a.bias,
                                         .scale = a.scale,
                                         .slope = a.slope,
                                         .offset = a.offset,
                                         .partial = partial,
                                         .channels = static_cast<int>(channels),
                                         .chunks = static_cast<int>(cut.chunks)};
    const LaunchShape shape{.grid = {static_cast<unsigned>(cut.blocks), static_cast<unsigned>(cut.slices)},
                            .block = kThreads,
                            .shared_bytes = Slots<kColumns>::kSharedBytes};
    const auto run = [&](auto kernel) {
      launch_clusters(kName, kernel, shape, static_cast<unsigned>(cut.cluster), place, arguments);
    };
    if (a.activation == Activation::Relu) {
      run(weight_through_norm_kernel<T, Activation::Relu, kColumns>);
    } else {
      run(weight_through_norm_kernel<T, Activation::None, kColumns>);
    }
  });
  add_partials(place, kName, partial, cut.slices, size, a.accumulate, a.dweight.data());
}

template <class T>
std::size_t weight_through_norm_bytes(Cuda place, const LinearWeightThroughNorm<T>& a) {
  return sizeof(float) * static_cast<std::size_t>(Cut(place, a).slices * a.dweight.size());
}

#define CF_INSTANTIATE(T)                                                            \
  template bool takes_weight_through_norm(const LinearWeightThroughNorm<T>&);        \
  template void linear_weight_through_norm(Cuda, const LinearWeightThroughNorm<T>&); \
  template std::size_t weight_through_norm_bytes(Cuda, const LinearWeightThroughNorm<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
