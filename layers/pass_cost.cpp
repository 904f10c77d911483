#include "layers/pass_cost.h"

#include <algorithm>

#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::layers::passes {

namespace {

constexpr std::int64_t kTaps = 9, kFilter = kTaps * kernels::kGroupWidth;  // of the grouped convolution

PassCost cost(std::int64_t macs, std::int64_t narrow, std::int64_t wide) {
  return {static_cast<double>(macs), static_cast<double>(narrow), static_cast<double>(wide)};
}

}  // namespace

PassCost linear(std::int64_t m, std::int64_t c, std::int64_t k, bool bias, bool statistics) {
  return cost(m * c * k, m * c + c * k + m * k, (bias ? k : 0) + (statistics ? 2 * k : 0));
}

PassCost linear_backward_input(std::int64_t m, std::int64_t c, std::int64_t k, bool adds) {
  return cost(m * c * k, m * k + c * k + (adds ? 2 : 1) * m * c, 0);
}

PassCost linear_backward_weight(std::int64_t m, std::int64_t c, std::int64_t k, bool bias) {
  return cost(m * c * k, m * c + m * k, c * k + (bias ? k : 0));
}

PassCost grouped_conv(std::int64_t m, std::int64_t c, bool bias) {
  return cost(kFilter * m * c, 2 * m * c + kFilter * c, bias ? c : 0);
}

PassCost grouped_conv_centre(std::int64_t m, std::int64_t c) {
  const std::int64_t pixels = std::min(m, kernels::kCentrePixels);
  return cost(kFilter * pixels * c, kTaps * pixels * c + kFilter * c, c);
}

PassCost grouped_conv_backward_input(std::int64_t m, std::int64_t c) { return grouped_conv(m, c, false); }

PassCost grouped_conv_backward_weight(std::int64_t m, std::int64_t c) {
  return cost(kFilter * m * c, 2 * m * c, kFilter * c);
}

PassCost grouped_conv_backward(std::int64_t m, std::int64_t c) {
  return cost(2 * kFilter * m * c, 3 * m * c + kFilter * c, kFilter * c);
}

PassCost grouped_conv_backward_onto(std::int64_t m, std::int64_t c) {
  return cost(2 * kFilter * m * c, 4 * m * c + kFilter * c, kFilter * c);
}

PassCost normed_conv(std::int64_t m, std::int64_t c) {
  return cost(kFilter * m * c, 2 * m * c + kFilter * c, 2 * c);
}

PassCost normed_conv_backward_weight(std::int64_t m, std::int64_t c) {
  return cost(kFilter * m * c, 2 * m * c, (kFilter + 2) * c);
}

PassCost normed_conv_backward(std::int64_t m, std::int64_t c) {
  // x and dy for the gradient behind the activation and the sums, then x and that gradient for dx.
  return cost(2 * kFilter * m * c, 6 * m * c + kFilter * c, (kFilter + 8) * c);
}

PassCost patch_conv(std::int64_t inputs, std::int64_t outputs, std::int64_t filter, std::int64_t k) {
  return cost(outputs * filter, inputs + outputs + filter * k, 0);
}

PassCost patch_conv_backward_weight(std::int64_t inputs, std::int64_t outputs, std::int64_t filter,
                                    std::int64_t k) {
  return cost(outputs * filter, inputs + outputs, filter * k);
}

// mean, variance, gamma, bias, rstd, scale, shift, batch_mean and batch_variance, each read or written.
constexpr std::int64_t kNormVectors = 9;

PassCost batch_norm_statistics(std::int64_t m, std::int64_t c) { return cost(0, m * c, kNormVectors * c); }

PassCost batch_norm_of_given(std::int64_t c) { return cost(0, 0, kNormVectors * c); }

PassCost batch_norm_apply(std::int64_t m, std::int64_t c) { return cost(0, 2 * m * c, 2 * c); }

PassCost batch_norm_backward(std::int64_t m, std::int64_t c) {
  return cost(0, 5 * m * c, 6 * c);  // x and dy for the sums, then again for dx
}

PassCost gated_norm_gates(std::int64_t n, std::int64_t m, std::int64_t c, std::int64_t d) {
  // pooled and squeezed are written and read.
  return cost(2 * n * c * d, m * c + 2 * c * d, n * (3 * c + 2 * d) + 3 * c + d);
}

PassCost gated_norm_apply(std::int64_t n, std::int64_t m, std::int64_t c) {
  return cost(0, 2 * m * c, (n + 2) * c);
}

PassCost gated_norm_backward(std::int64_t n, std::int64_t m, std::int64_t c, std::int64_t d) {
  // x and dy for the sums, then again for dx. The weights are read and their gradients written.
  return cost(4 * n * c * d, 5 * m * c + 2 * c * d, n * (2 * c + d) + 2 * c * d + 7 * c + d);
}

PassCost residual_sum(std::int64_t m, std::int64_t kept, std::int64_t c) {
  return cost(0, (2 * m + kept) * c, 2 * c);
}

PassCost gather_samples(std::int64_t kept, std::int64_t c) { return cost(0, 2 * kept * c, 0); }

PassCost scatter_add_samples(std::int64_t kept, std::int64_t c) { return cost(0, 3 * kept * c, 0); }

PassCost covariance(std::int64_t m, std::int64_t c) { return cost(m * c * c, m * c, c + c * c); }

PassCost covariance_backward(std::int64_t m, std::int64_t c) {
  return cost(m * c * c, 3 * m * c, 2 * c + c * c);
}

PassCost fold_batch_norms(std::int64_t c, std::int64_t e) {
  return cost(e * c * c, e * c, c * c + e * c + 8 * c + 7 * e);
}

PassCost fold_batch_norms_backward(std::int64_t c, std::int64_t e) {
  return cost(2 * e * c * c, e * c, 2 * c * c + 3 * e * c + 5 * c + 5 * e);
}

PassCost feed_forward(std::int64_t m, std::int64_t c, std::int64_t e, bool statistics) {
  return cost(2 * m * c * e, 2 * m * c + 2 * c * e, statistics ? e + 2 * c : e);
}

PassCost feed_forward_backward(std::int64_t m, std::int64_t c, std::int64_t e) {
  return cost(5 * m * c * e, 3 * m * c + 2 * c * e, 2 * e + 2 * c * e);
}

PassCost global_average_pool(std::int64_t n, std::int64_t m, std::int64_t c) {
  return cost(0, (m + n) * c, 0);
}

}  // namespace cf::layers::passes
