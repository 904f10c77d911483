// The Hopper route's du, a kernel for weights that fit into shared memory and one for those that pass through
// a ring.
#pragma once

#include "kernels/feed_forward_backward/hopper_input_team.cuh"

namespace cf::kernels::feed_forward_backward {

// All chunks at hand: each team goes through its tiles on its own. The products that end a chunk run while
// the next chunk's h and da are rounded.
template <class T, class Tile>
class ResidentInputWorker : InputTeam<T, Tile> {
 public:
  using Base = InputTeam<T, Tile>;
  using Base::Base;

  __device__ __forceinline__ void run() {
    int tile = blockIdx.x;
    prepare(tile);
    weights_ = descriptor_start(base_);
    asm volatile("" : "+r"(weights_));  // see WeightsWorker
    wait_for_phase(weights_arrived(), 0);
    for (int phase = 0; tile < a_.tiles; tile += gridDim.x, phase ^= 1) {
      wait_for_phase(pixels_arrived(), phase);
      load_pixels();
      team_barrier();
      if (leads_team() && tile + static_cast<int>(gridDim.x) < a_.tiles)
        copy_pixels(tile + gridDim.x, team_, pixels_arrived());
      __syncwarp();
      multiply();
      store(tile);
    }
    if (leads_team()) wait_for_tensor_stores();
  }

 private:
  using Base::a_;
  using Base::add_gradient;
  using Base::barrier;
  using Base::base_;
  using Base::chunks_;
  using Base::compute_hidden;
  using Base::copy_chunk;
  using Base::copy_pixels;
  using Base::du_;
  using Base::h_;
  using Base::kChunkBytes;
  using Base::kHiddenSteps;
  using Base::kTeams;
  using Base::leads_team;
  using Base::load_bias;
  using Base::load_pixels;
  using Base::pin_hidden;
  using Base::round_gradient;
  using Base::start_hidden;
  using Base::store;
  using Base::team_;
  using Base::team_barrier;

  __device__ __forceinline__ std::uint32_t pixels_arrived() const { return barrier(team_); }
  __device__ __forceinline__ std::uint32_t weights_arrived() const { return barrier(kTeams); }

  __device__ __forceinline__ void prepare(int first_tile) {
    if (threadIdx.x == 0) {
      for (int i = 0; i <= kTeams; ++i) init_barrier(barrier(i), 1);
      fence_barriers();
    }
    load_bias();
    __syncthreads();
    if (leads_team()) copy_pixels(first_tile, team_, pixels_arrived());
    if (threadIdx.x == 0) {
      expect_bytes(weights_arrived(), chunks_ * kChunkBytes);
      for (int chunk = 0; chunk < chunks_; ++chunk) copy_chunk(chunk, chunk, weights_arrived());
    }
    __syncwarp();
  }

  __device__ __forceinline__ std::uint32_t chunk_at(int chunk) const {
    return weights_ + chunk * (kChunkBytes / 16);
  }

  __device__ __forceinline__ void multiply() {
    start_hidden(0);
    warpgroup_pin(h_);
    warpgroup_pin(du_);
    warpgroup_fence();
    compute_hidden(chunk_at(0));
    warpgroup_commit();
    warpgroup_wait<0>();
    pin_hidden();
    round_gradient(dh_[0]);
    for (int chunk = 0; chunk + 2 < chunks_; chunk += 2) {
      advance<0>(chunk);
      advance<1>(chunk + 1);
    }
    advance<0>(chunks_ - 2);
    warpgroup_fence();
    add_gradient(chunk_at(chunks_ - 1), dh_[1]);
    warpgroup_commit();
    warpgroup_wait<0>();
    warpgroup_pin(du_);
  }

  // du of a chunk, beside h and da of the next one, to be rounded meanwhile.
  template <int kBuffer>
  __device__ __forceinline__ void advance(int chunk) {
    start_hidden(chunk + 1);
    pin_hidden();
    warpgroup_fence();
    compute_hidden(chunk_at(chunk + 1));
    warpgroup_commit();
    add_gradient(chunk_at(chunk), dh_[kBuffer]);
    warpgroup_commit();
    warpgroup_wait<1>();
    pin_hidden();
    round_gradient(dh_[1 - kBuffer]);
  }

  std::uint32_t weights_ = 0;  // descriptor of the first chunk
  MatrixA dh_[2][kHiddenSteps];
};

// Chunks pass through a ring that all teams read; one more team copies.
template <class T, class Tile>
class RingInputWorker : InputTeam<T, Tile> {
 public:
  using Base = InputTeam<T, Tile>;
  using Base::Base;

  __device__ __forceinline__ void run() {
    if (threadIdx.x == 0) {
      for (int team = 0; team < kTeams; ++team) {
        init_barrier(pixels_arrived(team), 1);
        init_barrier(pixels_read(team), 1);
      }
      for (int slot = 0; slot < kRing; ++slot) {
        init_barrier(full(slot), 1);
        init_barrier(empty(slot), kTeams);
      }
      fence_barriers();
    }
    load_bias();
    __syncthreads();
    if (team_ == kTeams) {
      release_registers<InputTile::kCopyRegisters>();
      if (leads_team()) copy_tiles();
    } else {
      claim_registers<Tile::get().registers>();
      compute_tiles();
    }
  }

 private:
  using Base::a_;
  using Base::add_gradient;
  using Base::barrier;
  using Base::base_;
  using Base::chunks_;
  using Base::compute_hidden;
  using Base::copy_chunk;
  using Base::copy_pixels;
  using Base::du_;
  using Base::h_;
  using Base::kChunkBytes;
  using Base::kHiddenSteps;
  using Base::kRing;
  using Base::kTeams;
  using Base::leads_team;
  using Base::load_bias;
  using Base::load_pixels;
  using Base::pin_hidden;
  using Base::round_gradient;
  using Base::start_hidden;
  using Base::store;
  using Base::team_;
  using Base::team_barrier;

  __device__ __forceinline__ std::uint32_t pixels_arrived(int team) const { return barrier(team); }
  __device__ __forceinline__ std::uint32_t pixels_read(int team) const { return barrier(kTeams + team); }
  __device__ __forceinline__ std::uint32_t full(int slot) const { return barrier(2 * kTeams + slot); }
  __device__ __forceinline__ std::uint32_t empty(int slot) const { return full(kRing + slot); }

  __device__ __forceinline__ void copy_tiles() const {
    int phase = 1, ring_phase = 1;
    for (int tile = blockIdx.x; tile < a_.tiles; tile += gridDim.x, phase ^= 1) {
      for (int team = 0; team < kTeams; ++team) {
        wait_for_phase(pixels_read(team), phase);
        copy_pixels(tile, team, pixels_arrived(team));
      }
      for (int chunk = 0; chunk < chunks_; chunk += kRing, ring_phase ^= 1) {
        for (int slot = 0; slot < kRing; ++slot) {
          wait_for_phase(empty(slot), ring_phase);
          expect_bytes(full(slot), kChunkBytes);
          copy_chunk(chunk + slot, slot, full(slot));
        }
      }
    }
  }

  __device__ __forceinline__ void compute_tiles() {
    weights_ = descriptor_start(base_);
    asm volatile("" : "+r"(weights_));  // see WeightsWorker
    int phase = 0, ring_phase = 0;
    for (int tile = blockIdx.x; tile < a_.tiles; tile += gridDim.x, phase ^= 1) {
      wait_for_phase(pixels_arrived(team_), phase);
      load_pixels();
      team_barrier();
      if (leads_team()) arrive(pixels_read(team_));
      start_chunks(ring_phase);
      for (int chunk = 0; chunk + kRing < chunks_; chunk += kRing, ring_phase ^= 1) {
#pragma unroll
        for (int slot = 0; slot < kRing; ++slot) advance(chunk + slot, slot, ring_phase);
      }
#pragma unroll
      for (int slot = 0; slot + 1 < kRing; ++slot) advance(chunks_ - kRing + slot, slot, ring_phase);
      end_chunks();
      ring_phase ^= 1;
      store(tile);
    }
    if (leads_team()) wait_for_tensor_stores();
  }

  __device__ __forceinline__ std::uint32_t slot_at(int slot) const {
    return weights_ + slot * (kChunkBytes / 16);
  }

  __device__ __forceinline__ void start_chunks(int ring_phase) {
    start_hidden(0);
    wait_for_phase(full(0), ring_phase);
    warpgroup_pin(h_);
    warpgroup_fence();
    compute_hidden(slot_at(0));
    warpgroup_commit();
    warpgroup_wait<0>();
    pin_hidden();
  }

  // du of a chunk, beside h and da of the next one.
  __device__ __forceinline__ void advance(int chunk, int slot, int ring_phase) {
    const bool wraps = slot + 1 == kRing;
    const int next = wraps ? 0 : slot + 1;
    MatrixA dh[kHiddenSteps];
    round_gradient(dh);
    start_hidden(chunk + 1);
    wait_for_phase(full(next), wraps ? ring_phase ^ 1 : ring_phase);
    warpgroup_pin(h_);
    warpgroup_pin(du_);
    warpgroup_fence();
    add_gradient(slot_at(slot), dh);
    compute_hidden(slot_at(next));
    warpgroup_commit();
    warpgroup_wait<0>();
    pin_hidden();
    warpgroup_pin(du_);
    if (leads_team()) arrive(empty(slot));
  }

  __device__ __forceinline__ void end_chunks() {
    MatrixA dh[kHiddenSteps];
    round_gradient(dh);
    warpgroup_pin(du_);
    warpgroup_fence();
    add_gradient(slot_at(kRing - 1), dh);
    warpgroup_commit();
    warpgroup_wait<0>();
    warpgroup_pin(du_);
    if (leads_team()) arrive(empty(kRing - 1));
  }

  std::uint32_t weights_ = 0;  // descriptor of the first slot
};

template <int kChannels>
struct InputTileOf {
  static constexpr InputTile get() { return input_tile(kChannels); }
  static_assert(get().registers_suffice());
};

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::get().threads(), 1)
    input_kernel(const __grid_constant__ InputArguments arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  if constexpr (Tile::get().ring > 0) {
    RingInputWorker<T, Tile>(arguments, shared).run();
  } else {
    ResidentInputWorker<T, Tile>(arguments, shared).run();
  }
#else
  __trap();  // never chosen, see has_hopper_code()
#endif
}

}  // namespace cf::kernels::feed_forward_backward
