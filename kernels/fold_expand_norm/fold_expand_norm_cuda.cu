// The two matrix products are linear's; a warp takes a hidden channel, its lanes every 32nd input channel.
#include "kernels/base/device_types.cuh"
#include "kernels/base/elementwise.cuh"
#include "kernels/base/reduce.cuh"
#include "kernels/cast/cast.h"
#include "kernels/fold_expand_norm/fold_expand_norm.h"
#include "kernels/fold_expand_norm/fold_expand_norm_check.h"
#include "kernels/fold_expand_norm/fold_expand_norm_products.h"

namespace cf::kernels {

namespace {

constexpr int kWarps = 8, kLanes = 32, kThreads = kWarps * kLanes;

__global__ void shift_kernel(const float* mean, const float* variance, float* shift, std::int64_t channels) {
  for (std::int64_t c = thread_index(); c < channels; c += thread_count()) {
    int exponent = 0;  // variance < 2^exponent
    frexpf(variance[c], &exponent);
    const float unit = ldexpf(1, (exponent + (exponent > 0 ? 1 : 0)) / 2);
    shift[c] = variance[c] > 0 ? unit * roundf(mean[c] / unit) : mean[c];
  }
}

// A warp's hidden channel, and its first element of a matrix [E,C].
struct Row {
  std::int64_t e, first;
  int channels, lane;

  __device__ explicit Row(int channel_count)
      : e(std::int64_t{blockIdx.x} * kWarps + threadIdx.x / kLanes),
        first(e * channel_count),
        channels(channel_count),
        lane(static_cast<int>(threadIdx.x) % kLanes) {}

  // body(c) for the lane's channels.
  template <class Body>
  __device__ void for_each_channel(const Body& body) const {
#pragma unroll 4
    for (int c = lane; c < channels; c += kLanes) body(c);
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads) fold_kernel(FoldExpandNorm<T> a, const float* product) {
  const Row row(static_cast<int>(a.mean.template extent<C>().value));
  const E e{row.e};
  if (e >= a.expand.template extent<E>()) return;
  const float* const expand = a.expand.data() + row.first;
  float variance = 0, mean = 0, offset = 0;
  row.for_each_channel([&](int c) {
    variance += expand[c] * product[row.first + c];
    mean += expand[c] * a.input_mean(C{c});
  });
  variance = warp_sum(variance);
  mean = warp_sum(mean);
  if (variance < 0) variance = 0;  // by rounding; NaN stays NaN
  const float scale = a.gamma(e) / sqrtf(variance + a.eps);
  row.for_each_channel([&](int c) {
    const T folded = from_float<T>(scale * expand[c]);
    a.folded(e, C{c}) = folded;
    offset += to_float(folded) * a.mean(C{c});
  });
  offset = warp_sum(offset);
  if (row.lane != 0) return;
  a.folded_bias(e) = from_float<T>(a.beta(e) - offset);
  a.hidden_mean(e) = mean;
  a.hidden_variance(e) = variance;
}

__device__ void accumulate(float& gradient, float accumulate, float sum) {
  gradient = accumulate == 0 ? sum : accumulate * gradient + sum;
}

// Leaves in the product's place what slope is the product of: 2 / M times the gradient of hidden_variance,
// times expand.
template <class T>
__global__ void __launch_bounds__(kThreads) gradients_kernel(FoldExpandNormBackward<T> a, float* product) {
  const Row row(static_cast<int>(a.mean.template extent<C>().value));
  const E e{row.e};
  if (e >= a.expand.template extent<E>()) return;
  const float* const expand = a.expand.data() + row.first;
  const float rstd = 1 / sqrtf(a.hidden_variance(e) + a.eps), dbias = a.dfolded_bias(e);
  const auto dfolded = [&](int c) { return a.dfolded(e, C{c}) - dbias * a.mean(C{c}); };
  float dot = 0;  // the gradient of gamma / sqrt(hidden_variance + eps)
  row.for_each_channel([&](int c) { dot += dfolded(c) * expand[c]; });
  dot = warp_sum(dot);
  const float scale = a.gamma(e) * rstd, dvariance = dot * scale * rstd * rstd / -2;
  const float weight = 2 * dvariance / static_cast<float>(a.rows);
  row.for_each_channel([&](int c) {
    float& own = product[row.first + c];
    accumulate(a.dexpand(e, C{c}), a.accumulate, dfolded(c) * scale + 2 * dvariance * own);
    own = weight * expand[c];
  });
  if (row.lane != 0) return;
  accumulate(a.dgamma(e), a.accumulate, dot * rstd);
  accumulate(a.dbeta(e), a.accumulate, dbias);
}

template <class Args>
LaunchShape shape_of(const Args& a) {
  const auto hidden = a.expand.template extent<E>().value;
  return {.grid = static_cast<unsigned>((hidden + kWarps - 1) / kWarps), .block = kThreads};
}

Cuda without_tf32(Cuda place) {
  place.tf32 = false;
  return place;
}

// The product, at the start of the workspace.
template <class Args>
float* multiply(Cuda place, std::string_view kernel, const Args& a) {
  float* product = workspace_as<float>(kernel, a.workspace, static_cast<std::size_t>(a.expand.size()));
  linear(without_tf32(place),
         detail::product_of(a, product, a.workspace.subspan(detail::matrix_bytes(a.expand.size()))));
  return product;
}

}  // namespace

template <class T>
void fold_expand_norm(Cuda place, const ExpandInputShift<T>& a) {
  check(a);
  launch("fold_expand_norm shift", shift_kernel, flat_shape(a.mean.size(), 1), place, a.mean.data(),
         a.variance.data(), a.shift.data(), a.mean.size());
}

template <class T>
void fold_expand_norm(Cuda place, const FoldExpandNorm<T>& a) {
  check(a);
  constexpr auto kName = "fold_expand_norm";
  launch(kName, fold_kernel<T>, shape_of(a), place, a, multiply(place, kName, a));
}

template <class T>
void fold_expand_norm(Cuda place, const FoldExpandNormBackward<T>& a) {
  check(a);
  constexpr auto kName = "fold_expand_norm backward";
  float* const product = multiply(place, kName, a);
  launch(kName, gradients_kernel<T>, shape_of(a), place, a, product);
  const std::int64_t size = a.slope.size();
  const std::size_t behind_product = detail::matrix_bytes(a.expand.size());
  float* const slope =
      workspace_as<float>(kName, a.workspace, static_cast<std::size_t>(size), behind_product / sizeof(float));
  linear(
      without_tf32(place),
      detail::slope_of(a, product, slope, a.workspace.subspan(behind_product + detail::matrix_bytes(size))));
  cast(place, Cast<T>{.x = {slope, I{size}}, .y = {a.slope.data(), I{size}}});
}

template <class T>
std::size_t workspace_bytes(Cuda place, const FoldExpandNorm<T>& a) {
  return detail::matrix_bytes(a.expand.size()) + workspace_bytes(place, detail::product_of(a, nullptr));
}

template <class T>
std::size_t workspace_bytes(Cuda place, const FoldExpandNormBackward<T>& a) {
  return detail::matrix_bytes(a.expand.size()) +
         std::max(workspace_bytes(place, detail::product_of(a, nullptr)),
                  detail::matrix_bytes(a.slope.size()) +
                      workspace_bytes(place, detail::slope_of(a, nullptr, nullptr)));
}

#define CF_INSTANTIATE(T)                                                 \
  template void fold_expand_norm(Cuda, const ExpandInputShift<T>&);       \
  template void fold_expand_norm(Cuda, const FoldExpandNorm<T>&);         \
  template void fold_expand_norm(Cuda, const FoldExpandNormBackward<T>&); \
  template std::size_t workspace_bytes(Cuda, const FoldExpandNorm<T>&);   \
  template std::size_t workspace_bytes(Cuda, const FoldExpandNormBackward<T>&);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
