// Reductions over the threads of a warp or block, in a fixed order: two runs are bit-equal.
#pragma once

namespace cf {

// Every lane gets the sum over the warp. All lanes must call.
template <class Value>
__device__ inline Value warp_sum(Value value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffU, value, offset);
  return value;
}

// Every thread gets the sum over the block (at most 1024 threads, a multiple of 32). `shared` holds 32 values
// and may be used again at once: the barriers are in here.
template <class Value>
__device__ inline Value block_sum(Value value, Value* shared) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  value = warp_sum(value);
  if (lane == 0) shared[warp] = value;
  __syncthreads();
  value = warp_sum(lane < warps ? shared[lane] : Value{0});
  __syncthreads();
  return value;
}

}  // namespace cf
