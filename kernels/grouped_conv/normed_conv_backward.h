// Backward of conv(activation(norm(x))) with the batch's statistics, where x alone is kept: the gradients of
// the filter, of the norm's parameters and of x. The contracts of the parts are grouped_conv.h and
// kernels/batch_norm; at place Cuda in 16-bit types x and dy are read once for both of the convolution's
// gradients and the norm's sums.
#pragma once

#include <algorithm>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/linear/linear.h"

namespace cf::kernels {

template <class T>
struct NormedConvBackward {
  View<const T, N, H, W, C> x;
  InputNorm<T> norm;  // as in forward: scale = gamma rstd, shift = bias - mean scale
  View<const Wide<T>, C> mean, rstd, gamma, bias;
  View<const T, K, R, S, C> weight;
  View<const T, N, H, W, K> dy;
  View<T, N, H, W, C> dx;  // overwritten
  View<Wide<T>, K, R, S, C> dweight;
  View<Wide<T>, C> dgamma, dbias;
  // Where x = expand expanded, a linear layer without bias: its input, and the gradient of its weight, which
  // dx gives on its way. Empty, both: not wanted.
  View<const T, M, D> expanded = {};
  View<Wide<T>, C, D> dexpand = {};
  float accumulate = 0;  // of dweight, dgamma, dbias and dexpand
  Workspace workspace;
};

template <class T>
void grouped_conv(Reference, const NormedConvBackward<T>&);
void grouped_conv(Cpu, const NormedConvBackward<float>&);
template <class T>
void grouped_conv(Cuda, const NormedConvBackward<T>&);

std::size_t workspace_bytes(Cpu, const NormedConvBackward<float>&);
template <class T>
std::size_t workspace_bytes(Cuda, const NormedConvBackward<T>&);

namespace detail {

template <class T>
GroupedConvBackwardWeight<T> weight_part(const NormedConvBackward<T>& a) {
  return {.x = a.x,
          .norm = a.norm,
          .dy = a.dy,
          .dweight = a.dweight,
          .accumulate = a.accumulate,
          .workspace = a.workspace};
}

template <class T>
GroupedConvBackwardInput<T> input_part(const NormedConvBackward<T>& a) {
  return {.dy = a.dy, .weight = a.weight, .dx = a.dx, .workspace = a.workspace};
}

// In place: dx holds the gradient behind the activation.
template <class T>
BatchNormBackward<T> norm_part(const NormedConvBackward<T>& a) {
  const auto rows = as_rows<M, C>(a.dx);
  return {.x = as_rows<M, C>(a.x),
          .dy = rows,
          .mean = a.mean,
          .rstd = a.rstd,
          .gamma = a.gamma,
          .bias = a.bias,
          .activation = a.norm.activation,
          .dx = rows,
          .dgamma = a.dgamma,
          .dbias = a.dbias,
          .accumulate = a.accumulate,
          .workspace = a.workspace};
}

template <class T>
LinearBackwardWeight<T> expand_part(const NormedConvBackward<T>& a) {
  const auto rows = as_rows<M, C>(a.dx);
  const C inputs{a.expanded.template extent<D>().value};
  const K outputs{a.dexpand.template extent<C>().value};
  return {.x = {a.expanded.data(), a.expanded.template extent<M>(), inputs},
          .dy = {rows.data(), rows.template extent<M>(), K{rows.template extent<C>().value}},
          .dweight = {a.dexpand.data(), outputs, inputs},
          .dbias = {},
          .accumulate = a.accumulate,
          .workspace = a.workspace};
}

// One after another, for the places that do not join them.
template <class Place, class T>
void run_parts(Place place, const NormedConvBackward<T>& a) {
  grouped_conv(place, weight_part(a));
  grouped_conv(place, input_part(a));
  batch_norm(place, norm_part(a));
  if (a.dexpand) linear(place, expand_part(a));
}

template <class Place, class T>
std::size_t bytes_of_parts(Place place, const NormedConvBackward<T>& a) {
  return std::max({workspace_bytes(place, weight_part(a)), workspace_bytes(place, input_part(a)),
                   workspace_bytes(place, norm_part(a)),
                   a.dexpand ? workspace_bytes(place, expand_part(a)) : 0});
}

}  // namespace detail

}  // namespace cf::kernels
