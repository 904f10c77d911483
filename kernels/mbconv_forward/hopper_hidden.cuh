// The first half of mbconv's Hopper route at place Cuda: x to u and its sums over the pixels.
//
// x of the block's images stays in shared memory; weights of 64 hidden channels at a time pass through a
// ring. A warpgroup multiplies by wgmma with the hidden channels as rows and the pixels as columns, and puts
// t down transposed, pixel by pixel. Each of its warps then has all pixels of two groups of the convolution,
// by mma.sync: a tap one row below is what the next row has loaded already. u takes the place of t and leaves
// through the copy engine. Three warpgroups take turns at the products: while one multiplies, the others
// convolve.
#pragma once

#include "kernels/base/named_barrier.cuh"
#include "kernels/base/wgmma_shared.cuh"
#include "kernels/mbconv_forward/hopper_convolution.cuh"

namespace cf::kernels::mbconv_hopper {

template <class T, int kColumns, Activation kActivation>
class HiddenWorker {
 public:
  __device__ __forceinline__ HiddenWorker(const HiddenArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        tiling_(arguments.tiling),
        layout_(arguments.tiling, arguments.height, arguments.width),
        shared_(shared),
        base_(shared_address(shared)),
        blocks_(cluster_size()),
        warp_(static_cast<int>(threadIdx.x) / kLanes % 4),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        team_(__shfl_sync(0xffffffffU, static_cast<int>(threadIdx.x) / kTeamThreads, 0)),
        first_image_(static_cast<int>(blockIdx.x) * arguments.tiling.images),
        first_slice_(static_cast<int>(blockIdx.y) * arguments.slices),
        slices_(
            min(arguments.slices, (arguments.hidden + Tiling::kSlice - 1) / Tiling::kSlice - first_slice_)),
        tile_(layout_.teams + team_ * arguments.tiling.team_bytes(arguments.height, arguments.width)),
        convolution_(arguments, base_ + tile_, warp_, lane_),
        ring_{base_ + layout_.barriers + arguments.tiling.depth_blocks * 8, arguments.tiling.slots} {}

  __device__ __forceinline__ void prepare() {
    start_next_kernel();
    set_up();
  }

  __device__ __forceinline__ bool copies() const { return team_ == kTeams; }

  // By one thread. Only weights do not wait for the kernel before; everything else in this kernel waits for
  // x.
  __device__ __forceinline__ void copy() {
    if (warp_ != 0 || lane_ != 0) return;
    const int rank = cluster_rank(), count = slices_ * tiling_.depth_blocks,
              ahead = min(tiling_.slots, count);
    for (int i = 0; i < ahead; ++i) load_weights(i, rank);
    wait_for_last_kernel();
    load_x();
    for (int i = ahead; i < count; ++i) load_weights(i, rank);
  }

  __device__ __forceinline__ void compute() {
    ring_.advance(team_ * tiling_.depth_blocks);
    Bias bias = load_bias(team_);
    for (int i = team_; i < slices_; i += kTeams) {
      compute_slice((first_slice_ + i) * Tiling::kSlice, i, bias);
      ring_.advance((kTeams - 1) * tiling_.depth_blocks);
    }
    if (threadIdx.x % kTeamThreads == 0) wait_for_tensor_stores();
  }

 private:
  using Tiling = MBConvHopperTiling;
  static constexpr int kTiles = kColumns / 8;  // of eight pixels
  static constexpr int kTeams = Tiling::kTeams;
  using Sums = float[kTiles][4];

  __device__ __forceinline__ std::uint32_t x_barrier(int block) const {
    return base_ + layout_.barriers + block * 8;
  }

  // The warpgroups take their turns at the ring in order: a barrier of a slot tells apart a filling and the
  // next one, not one further on, so that a warpgroup may wait for its slots only when the one before it has
  // seen all of its own.
  __device__ __forceinline__ std::uint32_t turn_barrier(int team) const {
    return base_ + layout_.turns + team * 8;
  }

  // Barriers, zeros around the images, and where each pixel of the product lies in a team's tile.
  __device__ __forceinline__ void set_up() {
    if (threadIdx.x == 0) {
      for (int i = 0; i < tiling_.depth_blocks; ++i) init_barrier(x_barrier(i), 1);
      for (int i = 0; i < kTeams; ++i) init_barrier(turn_barrier(i), 1);
      ring_.init(4 * blocks_);
      fence_barriers();
    }
    for (int i = threadIdx.x; i < tiling_.tiles_bytes(a_.height, a_.width) / 16; i += kHiddenThreads) {
      word<uint4>(layout_.teams + i * 16) = uint4{};
    }
    for (int i = threadIdx.x; i < kColumns; i += kHiddenThreads) {
      word<int>(layout_.places + i * 4) = offset_of(place_of(i), 0);
    }
    cluster_barrier();
  }

  // In pixels of a tile; what is no pixel of an image lies apart from its seven neighbours.
  __device__ __forceinline__ int place_of(int column) const {
    const int pixels = a_.height * a_.width, image = column / pixels;
    if (image < tiling_.images) {
      const int row = column % pixels / a_.width;
      return (1 + image * tiling_.image_rows + row) * tiling_.pitch + column % pixels % a_.width;
    }
    const int i = column % 8, gap = tiling_.pitch - a_.width;
    if (tiling_.has_room_in_rows(a_.height, a_.width)) {
      return (1 + i / gap) * tiling_.pitch + a_.width + i % gap;
    }
    return (1 + tiling_.images * tiling_.image_rows) * tiling_.pitch + i;
  }

  // --- the copying warp

  __device__ __forceinline__ void load_x() const {
    const int pixel = first_image_ * a_.height * a_.width;
    for (int block = 0; block < tiling_.depth_blocks; ++block) {
      expect_bytes(x_barrier(block), kColumns * kRowBytes);
      copy_tensor(base_ + block * kColumns * kRowBytes, a_.x, x_barrier(block), block * Tiling::kDepth,
                  pixel);
    }
  }

  // The next slot: all of it, or this block's half for both blocks.
  __device__ __forceinline__ void load_weights(int number, int rank) {
    constexpr int kRows = Tiling::kSlice / 2;
    const int slice = number / tiling_.depth_blocks, hidden = (first_slice_ + slice) * Tiling::kSlice,
              channel = (number - slice * tiling_.depth_blocks) * Tiling::kDepth;
    const std::uint32_t slot = base_ + layout_.slots + ring_.slot * Tiling::kSlotBytes;
    ring_.wait_until_empty();
    expect_bytes(ring_.full(), Tiling::kSlotBytes);
    for (int half = rank; half < 2; half += blocks_) {
      const std::uint32_t to = slot + half * kRows * kRowBytes;
      if (blocks_ == 1) {
        copy_tensor(to, a_.expand, ring_.full(), channel, hidden + half * kRows);
      } else {
        copy_tensor_to_cluster(to, a_.expand, ring_.full(), blocks_, channel, hidden + half * kRows);
      }
    }
    ring_.advance();
  }

  // --- a warpgroup

  // Of rows lane / 4 and lane / 4 + 8 of the warp's 16, asked for a slice ahead.
  struct Bias {
    float upper, lower;
  };
  __device__ __forceinline__ Bias load_bias(int slice) const {
    const int row = (first_slice_ + slice) * Tiling::kSlice + warp_ * 16 + lane_ / 4;
    return {row < a_.hidden ? __ldg(a_.expand_bias + row) : 0,
            row + 8 < a_.hidden ? __ldg(a_.expand_bias + row + 8) : 0};
  }

  __device__ __forceinline__ void compute_slice(int hidden, int slice, Bias& bias) {
    Sums sum;
    const auto taps = expand(hidden, bias, sum);
    bias = load_bias(slice + kTeams);
    if (threadIdx.x % kTeamThreads == 0) wait_for_tensor_stores();
    named_barrier(1 + team_, kTeamThreads);
    put_expanded(sum);
    __syncwarp();
    convolution_.run(hidden, taps, first_image_);
    fence_for_warpgroups();
    named_barrier(1 + team_, kTeamThreads);
    if (threadIdx.x % kTeamThreads == 0) {
      for (int image = 0; image < tiling_.images; ++image) {
        store_tensor(base_ + tile_ + (1 + image * tiling_.image_rows) * tiling_.pitch * kRowBytes, a_.u,
                     hidden, 0, 0, first_image_ + image);
      }
      commit_tensor_stores();
    }
  }

  // The product, started from the bias. The convolution's filter comes while it runs.
  __device__ __forceinline__ auto expand(int hidden, const Bias& bias, Sums& sum) {
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
      sum[i][0] = sum[i][1] = bias.upper;
      sum[i][2] = sum[i][3] = bias.lower;
    }
    // The first warpgroup begins without being told to.
    wait_for_phase(turn_barrier(team_), team_ == 0 ? turn_ ^ 1 : turn_);
    turn_ ^= 1;
    int last = -1;
    for (int block = 0; block < tiling_.depth_blocks; ++block) {
      wait_for_phase(x_barrier(block), 0);
      wait_for_phase(ring_.full(), ring_.phase);
      const std::uint32_t weights = base_ + layout_.slots + ring_.slot * Tiling::kSlotBytes,
                          x = base_ + block * kColumns * kRowBytes;
      warpgroup_pin(sum);
      warpgroup_fence();
#pragma unroll
      for (int step = 0; step < Tiling::kDepth / 16; ++step) {
        multiply(weights + step * 32, x + step * 32, sum);
      }
      warpgroup_commit();
      if (last >= 0) {
        warpgroup_wait<1>();
        ring_.release(last);
      }
      last = ring_.slot;
      ring_.advance();
    }
    if (threadIdx.x % kTeamThreads == 0) arrive(turn_barrier((team_ + 1) % kTeams));
    const auto taps = convolution_.load_taps(hidden);
    warpgroup_wait<0>();
    warpgroup_pin(sum);
    ring_.release(last);
    return taps;
  }

  // All columns at once, or in two halves where one instruction would take too many registers.
  static __device__ __forceinline__ void multiply(std::uint32_t weights, std::uint32_t x, Sums& sum) {
    const auto a = matrix_descriptor<kRowBytes>(weights);
    if constexpr (kColumns <= 200) {
      warpgroup_multiply<T>(sum, a, matrix_descriptor<kRowBytes>(x));
    } else {
      constexpr int kHalf = kTiles / 2;
      using Part = float[kHalf][4];
      warpgroup_multiply<T>(reinterpret_cast<Part&>(sum[0]), a, matrix_descriptor<kRowBytes>(x));
      warpgroup_multiply<T>(reinterpret_cast<Part&>(sum[kHalf]), a,
                            matrix_descriptor<kRowBytes>(x + kHalf * 8 * kRowBytes));
    }
  }

  static __device__ __forceinline__ std::uint32_t activated(float first, float second) {
    return mbconv_detail::activate_pair<T, kActivation>(first, second);
  }

  // t of the warp's two groups: a 16-byte piece of a pixel for each.
  __device__ __forceinline__ void put_expanded(const Sums& sum) const {
    const std::uint32_t tile = base_ + tile_;
    const int piece = (warp_ * 2 + lane_ / 8 % 2) * 16,
              first = layout_.places + (lane_ / 16 * 8 + lane_ % 8) * 4;
#pragma unroll
    for (int i = 0; i + 1 < kTiles; i += 2) {
      store_matrices_as_columns(tile + (word<const int>(first + i * 32) ^ piece),
                                activated(sum[i][0], sum[i][1]), activated(sum[i][2], sum[i][3]),
                                activated(sum[i + 1][0], sum[i + 1][1]),
                                activated(sum[i + 1][2], sum[i + 1][3]));
    }
    if constexpr (kTiles % 2 != 0) {
      const float(&last)[4] = sum[kTiles - 1];
      const int place = word<const int>(layout_.places + ((kTiles - 1) * 8 + lane_ % 8) * 4);
      store_matrices_as_columns(tile + (place ^ piece), activated(last[0], last[1]),
                                activated(last[2], last[3]));
    }
  }

  template <class Value>
  __device__ __forceinline__ Value& word(int offset) const {
    return *reinterpret_cast<Value*>(shared_ + offset);
  }

  const HiddenArguments<T>& a_;
  const Tiling& tiling_;
  const MBConvHopperLayout layout_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int blocks_;              // of the cluster
  const int warp_, lane_, team_;  // the warp in its team
  const int first_image_, first_slice_, slices_;
  const int tile_;
  const Convolution<T, kActivation> convolution_;
  Ring ring_;
  int turn_ = 0;  // of this warpgroup, modulo 2
};

template <class T, int kColumns, Activation kActivation>
__global__ void __launch_bounds__(kHiddenThreads, 1)
    mbconv_hopper_hidden_kernel(const __grid_constant__ HiddenArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  HiddenWorker<T, kColumns, kActivation> worker(arguments, shared);
  copy_and_compute<MBConvHopperTiling::kTeams>(worker);
#else
  __trap();  // never chosen, see hopper_route.cuh
#endif
}

}  // namespace cf::kernels::mbconv_hopper
