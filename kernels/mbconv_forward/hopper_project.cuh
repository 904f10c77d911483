// The second half of mbconv's Hopper route at place Cuda: y = x + project (gate u) + bias by wgmma. u, gates
// and weights pass through a ring of slots. A warpgroup gates its 64 pixels of u on their way to registers
// while the products before run: shared memory is what these kernels read most of.
#pragma once

#include "kernels/base/wgmma.cuh"
#include "kernels/mbconv_forward/hopper_hidden.cuh"
#include "kernels/mbconv_forward/portable_project.cuh"

namespace cf::kernels::mbconv_hopper {

template <class T>
struct ProjectArguments {
  CUtensorMap u;        // [pixels][hidden]
  CUtensorMap gate;     // [images][hidden]
  CUtensorMap project;  // [c/32][j][t][i][hidden] with channel 32 (c/32) + 8t + 2j + i
  CUtensorMap x;        // [pixels][channels]
  const float* bias;
  T* y;
  std::uint32_t pixels, image_pixels;
  int channels, hidden;
  MBConvProjectTiling tiling;
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
        first_pixel_(blockIdx.x * static_cast<unsigned>(arguments.tiling.teams * Tiling::kRows)),
        first_channel_(static_cast<int>(blockIdx.y) * Tiling::kColumns),
        chunks_((arguments.hidden + Tiling::kDepth - 1) / Tiling::kDepth),
        ring_{base_ + arguments.tiling.barriers(), arguments.tiling.slots} {}

  __device__ __forceinline__ void prepare() const {
    start_next_kernel();
    if (threadIdx.x == 0) {
      ring_.init(4 * a_.tiling.teams * blocks_);
      fence_barriers();
    }
    cluster_barrier();
  }

  __device__ __forceinline__ bool copies() const { return team_ == kProjectTeams; }

  // By one thread. Only weights do not wait for the kernel before; everything else in this kernel waits for
  // what comes behind them.
  __device__ __forceinline__ void copy() {
    if (warp_ != 0 || lane_ != 0) return;
    const int rank = cluster_rank(), ahead = min(a_.tiling.slots, chunks_);
    Ring weights = ring_;
    for (int chunk = 0; chunk < ahead; ++chunk) {
      load_weights(weights, chunk, rank);
      weights.advance();
    }
    wait_for_last_kernel();
    for (int chunk = 0; chunk < chunks_; ++chunk) {
      if (chunk >= ahead) {
        ring_.wait_until_empty();
        load_weights(ring_, chunk, rank);
      }
      load_hidden(chunk);
      ring_.advance();
    }
    for (int half = 0; half < kHalves; ++half) {
      ring_.wait_until_empty();
      load_x(half);
      ring_.advance();
    }
  }

  __device__ __forceinline__ void compute() {
    if (team_ >= a_.tiling.teams) return;
    Sums sum;
    start_sums(sum);
    const int row = warp_ * 16 + lane_ % 16;
    const std::uint32_t pixel = first_pixel_ + team_ * Tiling::kRows + row;
    const auto image = static_cast<int>(pixel / a_.image_pixels - first_pixel_ / a_.image_pixels);
    const std::uint32_t u_of_lane =
        base_ + Tiling::kWeightBytes + team_ * Tiling::kTeamBytes + offset_of(row, lane_ / 16);
    pin(sum);
    for (int chunk = 0; chunk < chunks_; ++chunk) {
      const int slot = ring_.slot * a_.tiling.slot_bytes();
      const std::uint32_t gates =
          base_ + a_.tiling.gates() + offset_of(ring_.slot * a_.tiling.images + image, lane_ / 16);
      wait_for_phase(ring_.full(), ring_.phase);
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        MatrixA u, gate;
        load_matrix_a((u_of_lane + slot) ^ step * 32, u);
        load_matrix_a(gates ^ step * 32, gate);
        warpgroup_wait<0>();  // another operand would take too many registers; the other warpgroups go on
        if (step == 0 && chunk > 0) ring_.release(last_slot());
        apply(gate, u);
        multiply_step(base_ + slot + step * 32, u, sum);
      }
      ring_.advance();
    }
    warpgroup_wait<0>();
    pin(sum);
    ring_.release(last_slot());
#pragma unroll
    for (int half = 0; half < kHalves; ++half) {
      wait_for_phase(ring_.full(), ring_.phase);
      store(sum[half], half, ring_.slot * a_.tiling.slot_bytes());
      ring_.advance();
    }
  }

 private:
  using Tiling = MBConvProjectTiling;
  static constexpr int kHalves = 2;  // of the channels: a product of 256 columns takes too many registers
  static constexpr int kTiles = Tiling::kColumns / 8 / kHalves, kSteps = Tiling::kDepth / 16;
  static constexpr int kColumnBlocks = Tiling::kColumns / kHalves / Tiling::kDepth;  // of x
  using Sums = float[kHalves][kTiles][4];

  static __device__ __forceinline__ void pin(Sums& sum) {
#pragma unroll
    for (int half = 0; half < kHalves; ++half) warpgroup_pin(sum[half]);
  }

  // Of a slot: all of it, or this block's half for both blocks.
  __device__ __forceinline__ void load_weights(const Ring& ring, int chunk, int rank) const {
    constexpr int kColumns = Tiling::kColumns / 2;
    const std::uint32_t slot = base_ + ring.slot * a_.tiling.slot_bytes();
    expect_bytes(ring.full(), a_.tiling.slot_bytes() + a_.tiling.gate_bytes());
    for (int half = rank; half < 2; half += blocks_) {
      copy_tensor_to_cluster(slot + half * kColumns * kRowBytes, a_.project, ring.full(), blocks_,
                             chunk * Tiling::kDepth, 0, 0, 0, (first_channel_ + half * kColumns) / 32);
    }
  }

  // The rest of the slot.
  __device__ __forceinline__ void load_hidden(int chunk) const {
    const int depth = chunk * Tiling::kDepth;
    for (int team = 0; team < a_.tiling.teams; ++team) {
      copy_tensor(
          base_ + ring_.slot * a_.tiling.slot_bytes() + Tiling::kWeightBytes + team * Tiling::kTeamBytes,
          a_.u, ring_.full(), depth, static_cast<int>(first_pixel_) + team * Tiling::kRows);
    }
    copy_tensor(base_ + a_.tiling.gates() + ring_.slot * a_.tiling.gate_bytes(), a_.gate, ring_.full(), depth,
                static_cast<int>(first_pixel_ / a_.image_pixels));
  }

  // Into a slot: of half the channels two blocks of columns, each of all warpgroups.
  __device__ __forceinline__ void load_x(int half) const {
    expect_bytes(ring_.full(), kColumnBlocks * a_.tiling.teams * Tiling::kTeamBytes);
    for (int i = 0; i < kColumnBlocks * a_.tiling.teams; ++i) {
      const int block = i / a_.tiling.teams, team = i % a_.tiling.teams;
      copy_tensor(base_ + ring_.slot * a_.tiling.slot_bytes() + i * Tiling::kTeamBytes, a_.x, ring_.full(),
                  first_channel_ + (half * kColumnBlocks + block) * Tiling::kDepth,
                  static_cast<int>(first_pixel_) + team * Tiling::kRows);
    }
  }

  __device__ __forceinline__ int last_slot() const {
    return (ring_.slot == 0 ? a_.tiling.slots : ring_.slot) - 1;
  }

  static __device__ __forceinline__ void apply(const MatrixA& gate, MatrixA& u) {
    using mbconv_portable::multiply_pair;
    u.upper_left = multiply_pair<T>(u.upper_left, gate.upper_left);
    u.lower_left = multiply_pair<T>(u.lower_left, gate.lower_left);
    u.upper_right = multiply_pair<T>(u.upper_right, gate.upper_right);
    u.lower_right = multiply_pair<T>(u.lower_right, gate.lower_right);
  }

  // Asynchronously.
  static __device__ __forceinline__ void multiply_step(std::uint32_t weights, const MatrixA& u, Sums& sum) {
    warpgroup_fence();
#pragma unroll
    for (int half = 0; half < kHalves; ++half) {
      warpgroup_multiply<T>(sum[half], u,
                            matrix_descriptor<kRowBytes>(weights + half * kTiles * 8 * kRowBytes));
    }
    warpgroup_commit();
  }

  using Words = Pack<std::uint32_t, 4>;

  // A lane has eight neighbouring channels of each block of 32 columns of two pixels: the first two elements
  // of four tiles, and the last two.
  __device__ __forceinline__ int channel_of_lane(int half, int block) const {
    return first_channel_ + half * kTiles * 8 + block * 32 + lane_ % 4 * 8;
  }

  // sum = bias.
  __device__ __forceinline__ void start_sums(Sums& sum) const {
#pragma unroll
    for (int half = 0; half < kHalves; ++half) {
#pragma unroll
      for (int block = 0; block < kTiles / 4; ++block) {
        const int channel = channel_of_lane(half, block);
        float4 bias[2] = {};
        if (channel < a_.channels) {
          bias[0] = __ldg(reinterpret_cast<const float4*>(a_.bias + channel));
          bias[1] = __ldg(reinterpret_cast<const float4*>(a_.bias + channel) + 1);
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          float(&values)[4] = sum[half][block * 4 + i];
          const float4& b = bias[i / 2];
          values[0] = values[2] = i % 2 == 0 ? b.x : b.z;
          values[1] = values[3] = i % 2 == 0 ? b.y : b.w;
        }
      }
    }
  }

  // y = x + sum of half the channels; x is in the slot.
  __device__ __forceinline__ void store(const float (&sum)[kTiles][4], int half, int slot) const {
#pragma unroll
    for (int block = 0; block < kTiles / 4; ++block) {
      const int channel = channel_of_lane(half, block);
#pragma unroll
      for (int lower = 0; lower < 2; ++lower) {
        const int row = warp_ * 16 + lane_ / 4 + lower * 8;
        const std::uint32_t pixel = first_pixel_ + team_ * Tiling::kRows + row;
        const auto x = *reinterpret_cast<const Words*>(
            shared_ + slot + (block / 2 * a_.tiling.teams + team_) * Tiling::kTeamBytes +
            offset_of(row, block % 2 * 4 + lane_ % 4));
        Words y;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float(&values)[4] = sum[block * 4 + i];
          T low, high;
          low.bits = static_cast<std::uint16_t>(x.value[i]);
          high.bits = static_cast<std::uint16_t>(x.value[i] >> 16);
          y.value[i] =
              round_pair<T>(to_float(low) + values[lower * 2], to_float(high) + values[lower * 2 + 1]);
        }
        if (pixel < a_.pixels && channel < a_.channels) {
          *reinterpret_cast<Words*>(a_.y + std::int64_t{pixel} * a_.channels + channel) = y;
        }
      }
    }
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
  extern __shared__ __align__(1024) unsigned char shared[];
  ProjectWorker<T> worker(arguments, shared);
  copy_and_compute<kProjectTeams>(worker);
#else
  __trap();  // never chosen, see hopper_route.cuh
#endif
}

}  // namespace cf::kernels::mbconv_hopper
