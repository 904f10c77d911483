// What each pass of training costs on paper, from the extents that its kernel gets: multiply-accumulates of
// products and convolutions, and elements of memory that it cannot do without. A tensor counts once for each
// read and once for each write; one that is read for a sum over all of it and then again counts twice.
// docs/analysis.md has the formulas as a table. Elements are of the activations' type (narrow), or of the
// type of sums, parameters' gradients and statistics (wide, float beside 16 bits).
#pragma once

#include <cstdint>

namespace cf::layers {

struct PassCost {
  double macs = 0;
  double narrow = 0, wide = 0;  // elements
};

// Of the kernels of the same names. m: rows, which are the pixels of all images; c, k: channels in and out;
// e: hidden channels.
namespace passes {

PassCost linear(std::int64_t m, std::int64_t c, std::int64_t k, bool bias, bool statistics = false);
PassCost linear_backward_input(std::int64_t m, std::int64_t c, std::int64_t k, bool adds = false);
PassCost linear_backward_weight(std::int64_t m, std::int64_t c, std::int64_t k, bool bias);

PassCost grouped_conv(std::int64_t m, std::int64_t c, bool bias);
PassCost grouped_conv_centre(std::int64_t m, std::int64_t c);
PassCost grouped_conv_backward_input(std::int64_t m, std::int64_t c);
PassCost grouped_conv_backward_weight(std::int64_t m, std::int64_t c);
PassCost grouped_conv_backward(std::int64_t m, std::int64_t c);       // both gradients
PassCost grouped_conv_backward_onto(std::int64_t m, std::int64_t c);  // that of x added to a gradient

// With a norm and an activation in front.
PassCost normed_conv(std::int64_t m, std::int64_t c);
PassCost normed_conv_backward_weight(std::int64_t m, std::int64_t c);
PassCost normed_conv_backward(std::int64_t m, std::int64_t c);  // both gradients and the norm's

// inputs, outputs: elements of the images; filter: elements of one output channel.
PassCost patch_conv(std::int64_t inputs, std::int64_t outputs, std::int64_t filter, std::int64_t k);
PassCost patch_conv_backward_weight(std::int64_t inputs, std::int64_t outputs, std::int64_t filter,
                                    std::int64_t k);

// Statistics, the fold of what is C wide, and what the step collects of them; of given statistics, the rest.
PassCost batch_norm_statistics(std::int64_t m, std::int64_t c);
PassCost batch_norm_of_given(std::int64_t c);
PassCost batch_norm_apply(std::int64_t m, std::int64_t c);
PassCost batch_norm_backward(std::int64_t m, std::int64_t c);

// n: samples; d: squeezed channels.
PassCost gated_norm_gates(std::int64_t n, std::int64_t m, std::int64_t c, std::int64_t d);
PassCost gated_norm_apply(std::int64_t n, std::int64_t m, std::int64_t c);
PassCost gated_norm_backward(std::int64_t n, std::int64_t m, std::int64_t c, std::int64_t d);

// kept: rows of the branch, of m.
PassCost residual_sum(std::int64_t m, std::int64_t kept, std::int64_t c);
PassCost gather_samples(std::int64_t kept, std::int64_t c);
PassCost scatter_add_samples(std::int64_t kept, std::int64_t c);

PassCost covariance(std::int64_t m, std::int64_t c);
PassCost covariance_backward(std::int64_t m, std::int64_t c);
PassCost fold_batch_norms(std::int64_t c, std::int64_t e);
PassCost fold_batch_norms_backward(std::int64_t c, std::int64_t e);
PassCost feed_forward(std::int64_t m, std::int64_t c, std::int64_t e, bool statistics);
// Each of the five products once, which takes all of a weight's gradient on chip; kernels that cannot hold it
// compute some of them again.
PassCost feed_forward_backward(std::int64_t m, std::int64_t c, std::int64_t e);

PassCost global_average_pool(std::int64_t n, std::int64_t m, std::int64_t c);

}  // namespace passes

}  // namespace cf::layers
