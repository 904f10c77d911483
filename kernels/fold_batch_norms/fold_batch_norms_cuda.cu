// A block for a few hidden channels: their product with the covariance is computed by all its threads, each
// with an input channel, so that a value of the covariance is loaded once for them all; then a warp has a
// hidden channel, and its lanes every 32nd input channel. The sums over hidden channels that backward needs
// are a second kernel, a block for each input channel.
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/base/packs.cuh"
#include "kernels/base/reduce.cuh"
#include "kernels/fold_batch_norms/fold_batch_norms.h"
#include "kernels/fold_batch_norms/fold_batch_norms_check.h"

namespace cf::kernels {

namespace {

constexpr int kWarps = 8, kLanes = 32, kThreads = kWarps * kLanes;
constexpr int kMostOfLane = static_cast<int>(kMostFoldedChannels) / kLanes;
constexpr int kColumnThreads = 1024;

__device__ float inverse_deviation(float variance, float eps) { return 1 / sqrtf(variance + eps); }

// Writes conv_gamma / sqrt(S[c,c] + eps) of all channels; a barrier is behind.
template <class Args>
__device__ void load_scales(const Args& a, int channels, float* scale) {
  for (int c = static_cast<int>(threadIdx.x); c < channels; c += kThreads) {
    scale[c] = a.conv_gamma(C{c}) * inverse_deviation(a.covariance(C{c}, K{c}), a.eps);
  }
  __syncthreads();
}

// Rows of t = expand diag(scale) and of S t, one for each warp.
struct Rows {
  alignas(16) float t[kWarps][kMostFoldedChannels];
  float product[kWarps][kMostFoldedChannels];

  // From hidden channel `first` on; zero behind the last. A barrier is behind.
  template <class Args>
  __device__ void compute(const Args& a, std::int64_t first, int channels, const float* scale) {
    const int warp = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
    const bool is_there = first + warp < a.expand.template extent<E>().value;
    for (int c = lane; c < channels; c += kLanes) {
      t[warp][c] = is_there ? a.expand(E{first + warp}, C{c}) * scale[c] : 0;
    }
    __syncthreads();
    const int slices = static_cast<int>(kThreads) / channels;
    if (slices >= kWarps) {
      multiply<1>(a.covariance.data(), channels);
    } else if (slices >= kWarps / 2) {
      multiply<2>(a.covariance.data(), channels);
    } else if (slices >= kWarps / 4) {
      multiply<4>(a.covariance.data(), channels);
    } else {
      multiply<kWarps>(a.covariance.data(), channels);
    }
    __syncthreads();
  }

 private:
  static constexpr int kBatch = 8;  // rows of S at a time; the last channels one by one
  static constexpr int kBatches = 4;

  // Column threadIdx.x % channels of kRows neighbouring rows of S t. S is symmetric.
  template <int kRows>
  __device__ void multiply(const float* covariance, int channels) {
    const int c = static_cast<int>(threadIdx.x) % channels,
              row = static_cast<int>(threadIdx.x) / channels * kRows;
    if (row >= kWarps) return;
    float sum[kRows] = {};
    const int batched = channels / kBatch * kBatch;
#pragma unroll kBatches
    for (int first = 0; first < batched; first += kBatch) {
      float value[kBatch];
#pragma unroll
      for (int k = 0; k < kBatch; ++k) value[k] = covariance[(first + k) * channels + c];
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        float factor[kBatch];
        load_floats(&t[row + i][first], factor);
#pragma unroll
        for (int k = 0; k < kBatch; ++k) sum[i] += value[k] * factor[k];
      }
    }
    for (int k = batched; k < channels; ++k) {
      const float value = covariance[k * channels + c];
#pragma unroll
      for (int i = 0; i < kRows; ++i) sum[i] += value * t[row + i][k];
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) product[row + i][c] = sum[i];
  }
};

// What was there may be NaN where it is overwritten: it is not read then.
__device__ void collect(float& to, float accumulate, float value) { to = (accumulate != 0 ? to : 0) + value; }

template <class T>
__global__ void __launch_bounds__(kThreads) fold_kernel(FoldBatchNorms<T> a) {
  __shared__ float scale[kMostFoldedChannels];
  __shared__ Rows rows;
  const int channels = static_cast<int>(a.mean.template extent<C>().value);
  load_scales(a, channels, scale);
  const CollectBothNorms<T>& to = a.collected;
  const float unbiased = to.share * static_cast<float>(to.count) / static_cast<float>(to.count - 1);
  if (blockIdx.x == 0) {
    for (int c = static_cast<int>(threadIdx.x); c < channels; c += kThreads) {
      const float mean = a.mean(C{c}) - a.bias(C{c}), variance = a.covariance(C{c}, K{c});
      a.conv_mean(C{c}) = mean;
      a.conv_variance(C{c}) = variance;
      if (to.count == 0) continue;
      collect(to.conv_mean(C{c}), to.accumulate, to.share * mean);
      collect(to.conv_variance(C{c}), to.accumulate, unbiased * variance);
    }
  }
  const int warp = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const std::int64_t first = std::int64_t{blockIdx.x} * kWarps;
  rows.compute(a, first, channels, scale);
  const E e{first + warp};
  if (e >= a.expand.template extent<E>()) return;
  const float *const t = rows.t[warp], *const product = rows.product[warp];
  float variance = 0;
  for (int c = lane; c < channels; c += kLanes) variance += t[c] * product[c];
  variance = warp_sum(variance);
  if (variance < 0) variance = 0;  // by rounding; NaN stays NaN
  const float factor = a.expand_gamma(e) * inverse_deviation(variance, a.eps);
  float offset = 0, mean = 0;
  for (C c{lane}; c.value < channels; c.value += kLanes) {
    const T folded = from_float<T>(factor * t[c.value]);
    a.folded(e, c) = folded;
    offset += to_float(folded) * a.mean(c);
    mean += a.expand(e, c) * a.conv_beta(c);
  }
  offset = warp_sum(offset);
  mean = warp_sum(mean);
  if (lane != 0) return;
  a.hidden_variance(e) = variance;
  a.folded_bias(e) = a.expand_beta(e) - offset;
  a.hidden_mean(e) = mean;
  if (to.count == 0) return;
  collect(to.hidden_mean(e), to.accumulate, to.share * mean);
  collect(to.hidden_variance(e), to.accumulate, unbiased * variance);
}

__device__ void accumulate(float& gradient, float accumulate, float sum) {
  gradient = accumulate == 0 ? sum : accumulate * gradient + sum;
}

// What the sums over hidden channels are made of.
struct Terms {
  float* dvariance;  // [E]: of hidden_variance
  float* dscale;     // [E,C]: towards those of conv_gamma / sqrt(S[c,c] + eps)
};

// The gradients of the parameters behind a hidden channel.
template <class T>
__global__ void __launch_bounds__(kThreads)
    hidden_gradients_kernel(FoldBatchNormsBackward<T> a, Terms terms) {
  __shared__ float scale[kMostFoldedChannels];
  __shared__ Rows rows;
  const int channels = static_cast<int>(a.mean.template extent<C>().value);
  load_scales(a, channels, scale);
  const int warp = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const std::int64_t first = std::int64_t{blockIdx.x} * kWarps;
  rows.compute(a, first, channels, scale);
  const E e{first + warp};
  if (e >= a.expand.template extent<E>()) return;
  const float *const t = rows.t[warp], *const product = rows.product[warp];
  const float rstd = inverse_deviation(a.hidden_variance(e), a.eps), factor = a.expand_gamma(e) * rstd;
  const float dbias = a.dfolded_bias(e);
  float dfolded[kMostOfLane] = {}, dot = 0;
#pragma unroll
  for (int i = 0; i < kMostOfLane; ++i) {
    const C c{i * kLanes + lane};
    if (c.value >= channels) continue;
    dfolded[i] = a.dfolded(e, c) - dbias * a.mean(c);
    dot += dfolded[i] * t[c.value];
  }
  dot = warp_sum(dot);
  const float dvariance = dot * a.expand_gamma(e) * rstd * rstd * rstd / -2;
#pragma unroll
  for (int i = 0; i < kMostOfLane; ++i) {
    const C c{i * kLanes + lane};
    if (c.value >= channels) continue;
    const float dt = dfolded[i] * factor + 2 * dvariance * product[c.value];
    accumulate(a.dexpand(e, c), a.accumulate, dt * scale[c.value]);
    terms.dscale[e.value * channels + c.value] = dt * a.expand(e, c);
  }
  if (lane != 0) return;
  terms.dvariance[e.value] = dvariance;
  accumulate(a.dexpand_gamma(e), a.accumulate, dot * rstd);
  accumulate(a.dexpand_beta(e), a.accumulate, dbias);
}

// Row c of the covariance's gradient, and what belongs to channel c. `shared`: E floats.
template <class T>
__global__ void __launch_bounds__(kColumnThreads)
    channel_gradients_kernel(FoldBatchNormsBackward<T> a, Terms terms) {
  extern __shared__ float weights[];  // dvariance[e] t[e,c]
  __shared__ float sums[kColumnThreads];
  const int channels = static_cast<int>(a.mean.template extent<C>().value),
            thread = static_cast<int>(threadIdx.x);
  const int hidden = static_cast<int>(a.expand.template extent<E>().value);
  const C c{blockIdx.x};
  const float rstd = inverse_deviation(a.covariance(c, K{c.value}), a.eps), scale = a.conv_gamma(c) * rstd;
  float dscale = 0, dmean = 0;
  for (int e = thread; e < hidden; e += kColumnThreads) {
    dscale += terms.dscale[std::int64_t{e} * channels + c.value];
    dmean -= to_float(a.folded(E{e}, c)) * a.dfolded_bias(E{e});
    weights[e] = terms.dvariance[e] * a.expand(E{e}, c) * scale;
  }
  dscale = block_sum(dscale, sums);  // a barrier is behind
  dmean = block_sum(dmean, sums);

  const int slices = kColumnThreads / channels, slice = thread / channels, k = thread % channels;
  float sum = 0;
  if (slice < slices) {
    const float* expand = a.expand.data() + k;
#pragma unroll 32
    for (int e = slice; e < hidden; e += slices) sum += weights[e] * expand[std::int64_t{e} * channels];
  }
  sums[thread] = sum;
  __syncthreads();
  if (slice != 0) return;
  for (int other = 1; other < slices; ++other) sum += sums[other * channels + k];
  sum *= a.conv_gamma(C{k}) * inverse_deviation(a.covariance(C{k}, K{k}), a.eps);
  if (k == c.value) {
    sum += dscale * scale * rstd * rstd / -2;
    a.dmean(c) = dmean;
    accumulate(a.dconv_gamma(c), a.accumulate, dscale * rstd);
    accumulate(a.dconv_beta(c), a.accumulate, 0);
  }
  a.dcovariance(c, K{k}) = sum;
}

template <class Args>
void check_channels(const Args& a) {
  const auto channels = a.mean.template extent<C>().value;
  CF_CHECK_AS(ErrorKind::Usage, channels <= kMostFoldedChannels, "fold_batch_norms: mean has C=", channels,
              ", the GPU takes at most ", kMostFoldedChannels);
}

unsigned blocks_of(std::int64_t hidden) { return static_cast<unsigned>((hidden + kWarps - 1) / kWarps); }

}  // namespace

template <class T>
void fold_batch_norms(Cuda place, const FoldBatchNorms<T>& a) {
  check(a);
  check_channels(a);
  launch("fold_batch_norms", fold_kernel<T>,
         {.grid = blocks_of(a.expand.template extent<E>().value), .block = kThreads}, place, a);
}

template <class T>
void fold_batch_norms(Cuda place, const FoldBatchNormsBackward<T>& a) {
  check(a);
  check_channels(a);
  const auto hidden = a.expand.template extent<E>().value, channels = a.expand.template extent<C>().value;
  float* memory = workspace_as<float>("fold_batch_norms backward", a.workspace,
                                      workspace_bytes(place, a) / sizeof(float));
  const Terms terms{memory, memory + hidden};
  launch("fold_batch_norms, hidden channels", hidden_gradients_kernel<T>,
         {.grid = blocks_of(hidden), .block = kThreads}, place, a, terms);
  launch("fold_batch_norms, channels", channel_gradients_kernel<T>,
         {.grid = static_cast<unsigned>(channels),
          .block = kColumnThreads,
          .shared_bytes = static_cast<std::size_t>(hidden) * sizeof(float)},
         place, a, terms);
}

template <class T>
std::size_t workspace_bytes(Cuda, const FoldBatchNormsBackward<T>& a) {
  const auto hidden = a.expand.template extent<E>().value, channels = a.expand.template extent<C>().value;
  return static_cast<std::size_t>(hidden * (channels + 1)) * sizeof(float);
}

#define CF_INSTANTIATE(T)                                                 \
  template void fold_batch_norms(Cuda, const FoldBatchNorms<T>&);         \
  template void fold_batch_norms(Cuda, const FoldBatchNormsBackward<T>&); \
  template std::size_t workspace_bytes(Cuda, const FoldBatchNormsBackward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
