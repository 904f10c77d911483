// Moments of rows of one channel, taken about a shift where the rows are at hand.
#pragma once

namespace cf::kernels {

// A difference of sums that is negative by rounding alone; NaN stays NaN.
__device__ __forceinline__ float positive_or_nan(float difference) { return difference < 0 ? 0 : difference; }

// Of some rows of a channel: their distances from `shift` added up, and the squares of these.
struct RowMoments {
  float count = 0, shift = 0, sum = 0, squares = 0;

  __device__ __forceinline__ void add(float value) {
    const float distance = value - shift;
    sum += distance;
    squares += distance * distance;
  }
};

// Their mean and sum of squared deviations.
struct Deviations {
  float count, mean, squares;

  __device__ __forceinline__ explicit Deviations(const RowMoments& m)
      : count(m.count),
        mean(m.count == 0 ? 0 : m.shift + m.sum / m.count),
        squares(m.count == 0 ? 0 : positive_or_nan(m.squares - m.sum * (m.sum / m.count))) {}

  // With those of the lane `distance` away (Chan, Golub and LeVeque, 1983).
  __device__ __forceinline__ void join_lane(int distance) {
    const float other_count = __shfl_xor_sync(0xffffffffU, count, distance),
                other_mean = __shfl_xor_sync(0xffffffffU, mean, distance),
                other_squares = __shfl_xor_sync(0xffffffffU, squares, distance);
    const float all = count + other_count;
    if (all == 0) return;
    const float apart = other_mean - mean, share = other_count / all;
    squares += other_squares + apart * apart * (count * share);
    mean += apart * share;
    count = all;
  }
};

}  // namespace cf::kernels
