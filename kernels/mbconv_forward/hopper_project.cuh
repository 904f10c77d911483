// The second half of mbconv's Hopper route at place Cuda: y = x + project (gate u) + bias by wgmma. u, gates
// and weights pass through a ring of slots. A warpgroup gates its 64 pixels of u in place while the product
// with the slot before runs.
#pragma once

#include "kernels/mbconv_forward/hopper_hidden.cuh"
#include "kernels/mbconv_forward/portable_project.cuh"

namespace cf::kernels::mbconv_hopper {

template <class T>
struct ProjectArguments {
  CUtensorMap u;        // [pixels][hidden]
  CUtensorMap gate;     // [images][hidden]
  CUtensorMap project;  // [c/32][j][t][i][hidden] with channel 32 (c/32) + 8t + 2j + i
  const T* x;
  const float* bias;
  T* y;
  std::uint32_t pixels, image_pixels;
  int channels, hidden;
  int teams;
};

inline constexpr int kProjectTeams = MBConvProjectTiling::kMostTeams;
inline constexpr int kProjectThreads = (kProjectTeams + 1) * kTeamThreads;

template <class T>
class ProjectWorker {
 public:
  __device__ __forceinline__ ProjectWorker(const ProjectArguments<T>& arguments, unsigned char* shared)
      : a_(arguments),
        shared_(shared),
        base_(shared_address(shared)),
        blocks_(cluster_size()),
        warp_(static_cast<int>(threadIdx.x) / kLanes % 4),
        lane_(static_cast<int>(threadIdx.x) % kLanes),
        team_(__shfl_sync(0xffffffffU, static_cast<int>(threadIdx.x) / kTeamThreads, 0)),
        first_pixel_(blockIdx.x * static_cast<unsigned>(arguments.teams * Tiling::kRows)),
        first_channel_(static_cast<int>(blockIdx.y) * Tiling::kColumns),
        chunks_((arguments.hidden + Tiling::kDepth - 1) / Tiling::kDepth),
        ring_{base_ + Tiling::kSlots * Tiling::kSlotBytes, Tiling::kSlots} {}

  __device__ __forceinline__ void prepare() const {
    start_next_kernel();
    if (threadIdx.x == 0) {
      ring_.init(4 * a_.teams * blocks_);
      fence_barriers();
    }
    cluster_barrier();
    wait_for_last_kernel();
  }

  __device__ __forceinline__ bool copies() const { return team_ == kProjectTeams; }

  // By one thread.
  __device__ __forceinline__ void copy() {
    if (warp_ != 0 || lane_ != 0) return;
    const int rank = cluster_rank(), first_image = static_cast<int>(first_pixel_ / a_.image_pixels);
    for (int chunk = 0; chunk < chunks_; ++chunk) {
      const std::uint32_t slot = base_ + ring_.slot * Tiling::kSlotBytes;
      const int depth = chunk * Tiling::kDepth;
      ring_.wait_until_empty();
      expect_bytes(ring_.full(), Tiling::kWeightBytes + a_.teams * Tiling::kTeamBytes + Tiling::kGateBytes);
      load_weights(slot, depth, rank);
      for (int team = 0; team < a_.teams; ++team) {
        copy_tensor(slot + Tiling::kWeightBytes + team * Tiling::kTeamBytes, a_.u, ring_.full(), depth,
                    static_cast<int>(first_pixel_) + team * Tiling::kRows);
      }
      copy_tensor(slot + kGates, a_.gate, ring_.full(), depth, first_image);
      ring_.advance();
    }
  }

  // The other block may still write to this one's shared memory.
  __device__ __forceinline__ void finish() const {
    __syncwarp();
    cluster_barrier();
  }

  __device__ __forceinline__ void multiply() {
    if (team_ >= a_.teams) return;
    Sums sum;
    start_sums(sum, first_pixel_of_lane());
    const Places places = find_places();
    pin(sum);
    int last = -1;
    for (int chunk = 0; chunk < chunks_; ++chunk) {
      const int slot = ring_.slot * Tiling::kSlotBytes;
      wait_for_phase(ring_.full(), ring_.phase);
      apply_gates(slot, places);
      fence_for_warpgroups();
      named_barrier(1 + team_, kTeamThreads);
      multiply_slot(base_ + slot, sum);
      warpgroup_wait<1>();
      if (last >= 0) ring_.release(last);
      last = ring_.slot;
      ring_.advance();
    }
    warpgroup_wait<0>();
    pin(sum);
    store(sum, first_pixel_of_lane());
  }

 private:
  using Tiling = MBConvProjectTiling;
  static constexpr int kHalves = 2;  // of the channels: a product of 256 columns takes too many registers
  static constexpr int kTiles = Tiling::kColumns / 8 / kHalves, kSteps = Tiling::kDepth / 16;
  using Sums = float[kHalves][kTiles][4];
  static constexpr int kGates = Tiling::kWeightBytes + Tiling::kMostTeams * Tiling::kTeamBytes;

  static __device__ __forceinline__ void pin(Sums& sum) {
#pragma unroll
    for (int half = 0; half < kHalves; ++half) warpgroup_pin(sum[half]);
  }

  // Of a slot: all of it, or this block's half for both blocks.
  __device__ __forceinline__ void load_weights(std::uint32_t slot, int depth, int rank) const {
    constexpr int kColumns = Tiling::kColumns / 2;
    for (int half = rank; half < 2; half += blocks_) {
      copy_tensor_to_cluster(slot + half * kColumns * kRowBytes, a_.project, ring_.full(), blocks_, depth, 0,
                             0, 0, (first_channel_ + half * kColumns) / 32);
    }
  }

  // Asynchronously.
  __device__ __forceinline__ void multiply_slot(std::uint32_t slot, Sums& sum) const {
    const std::uint32_t u = slot + Tiling::kWeightBytes + team_ * Tiling::kTeamBytes;
    warpgroup_fence();
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
#pragma unroll
      for (int half = 0; half < kHalves; ++half) {
        const std::uint32_t weights = slot + half * kTiles * 8 * kRowBytes + step * 32;
        warpgroup_multiply<T>(sum[half], matrix_descriptor<kRowBytes>(u + step * 32),
                              matrix_descriptor<kRowBytes>(weights));
      }
    }
    warpgroup_commit();
  }

  __device__ __forceinline__ std::uint32_t first_pixel_of_lane() const {
    return first_pixel_ + team_ * Tiling::kRows + warp_ * 16 + lane_ / 4;
  }

  // In a slot: the 16-byte pieces of u that a thread gates, every 16th row, and the gates of their images.
  static constexpr int kPieces = kRowBytes / 16, kStep = kTeamThreads / kPieces,
                       kRows = Tiling::kRows / kStep;
  struct Places {
    int u, gates[kRows];
  };
  __device__ __forceinline__ Places find_places() const {
    static_assert(kStep % 8 == 0, "so that all rows of a thread have one swizzle");
    const int thread = static_cast<int>(threadIdx.x) % kTeamThreads, row = thread / kPieces,
              piece = thread % kPieces;
    Places places;
    places.u = Tiling::kWeightBytes + team_ * Tiling::kTeamBytes + offset_of(row, piece);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const std::uint32_t pixel = first_pixel_ + team_ * Tiling::kRows + row + i * kStep;
      const auto image = static_cast<int>(pixel / a_.image_pixels - first_pixel_ / a_.image_pixels);
      places.gates[i] = kGates + offset_of(image, piece);
    }
    return places;
  }

  __device__ __forceinline__ void apply_gates(int slot, const Places& places) const {
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      auto& u = *reinterpret_cast<Words*>(shared_ + slot + places.u + i * kStep * kRowBytes);
      const auto gates = *reinterpret_cast<const Words*>(shared_ + slot + places.gates[i]);
      Words gated;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        gated.value[j] = mbconv_portable::multiply_pair<T>(u.value[j], gates.value[j]);
      }
      u = gated;
    }
  }

  using Words = Pack<std::uint32_t, 4>;

  // Calls body(block, at, channel, offset, inside) for the lane's eight neighbouring channels of each block
  // of 32 columns of both of its pixels; at: their first element of each four sums; inside: they exist.
  template <class Body>
  __device__ __forceinline__ void for_each_pack(std::uint32_t first_pixel, const Body& body) const {
#pragma unroll
    for (int block = 0; block < kHalves * kTiles / 4; ++block) {
      const int channel = first_channel_ + block * 32 + lane_ % 4 * 8;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const std::uint32_t pixel = first_pixel + half * 8;
        body(block, half * 2, channel, std::int64_t{pixel} * a_.channels + channel,
             pixel < a_.pixels && channel < a_.channels);
      }
      if (block % 4 == 3) asm volatile("" ::: "memory");  // more loads at once would take too many registers
    }
  }

  // sum = x + bias.
  __device__ __forceinline__ void start_sums(Sums& sum, std::uint32_t first_pixel) const {
    for_each_pack(first_pixel, [&](int block, int at, int channel, std::int64_t offset, bool inside) {
      Words x{};
      float4 bias[2] = {};
      if (inside) {
        x = *reinterpret_cast<const Words*>(a_.x + offset);
        bias[0] = __ldg(reinterpret_cast<const float4*>(a_.bias + channel));
        bias[1] = __ldg(reinterpret_cast<const float4*>(a_.bias + channel) + 1);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float(&values)[4] = sum[block * 4 / kTiles][block * 4 % kTiles + i];
        const float4& b = bias[i / 2];
        T low, high;
        low.bits = static_cast<std::uint16_t>(x.value[i]);
        high.bits = static_cast<std::uint16_t>(x.value[i] >> 16);
        values[at] = to_float(low) + (i % 2 == 0 ? b.x : b.z);
        values[at + 1] = to_float(high) + (i % 2 == 0 ? b.y : b.w);
      }
    });
  }

  __device__ __forceinline__ void store(const Sums& sum, std::uint32_t first_pixel) const {
    for_each_pack(first_pixel, [&](int block, int at, int, std::int64_t offset, bool inside) {
      if (!inside) return;
      Words pack;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float(&values)[4] = sum[block * 4 / kTiles][block * 4 % kTiles + i];
        pack.value[i] = round_pair<T>(values[at], values[at + 1]);
      }
      *reinterpret_cast<Words*>(a_.y + offset) = pack;
    });
  }

  const ProjectArguments<T>& a_;
  unsigned char* const shared_;
  const std::uint32_t base_;
  const int blocks_;              // of the cluster
  const int warp_, lane_, team_;  // the warp in its team
  const std::uint32_t first_pixel_;
  const int first_channel_, chunks_;
  Ring ring_;
};

template <class T>
__global__ void __launch_bounds__(kProjectThreads, 1)
    mbconv_hopper_project_kernel(const __grid_constant__ ProjectArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  // Of the 128 registers of each of 512 threads the copying warpgroup leaves 96 to the others.
  constexpr int kFew = 32, kMany = 160;
  static_assert(kFew + kProjectTeams * kMany == (kProjectTeams + 1) * 128);
  extern __shared__ __align__(1024) unsigned char shared[];
  ProjectWorker<T> worker(arguments, shared);
  worker.prepare();
  if (worker.copies()) {
    release_registers<kFew>();
    worker.copy();
    worker.finish();
  } else {
    claim_registers<kMany>();
    worker.multiply();
    worker.finish();
  }
#else
  __trap();  // never chosen, see hopper_route.cuh
#endif
}

}  // namespace cf::kernels::mbconv_hopper
