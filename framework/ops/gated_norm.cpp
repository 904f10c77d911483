#include "framework/ops/gated_norm.h"

#include "framework/autograd/pass.h"
#include "kernels/gated_linear/gated_linear.h"
#include "kernels/gated_norm/gated_norm.h"

namespace cf {

namespace {

constexpr auto call_gated_norm = [](auto place, const auto& args) { kernels::gated_norm(place, args); };

}  // namespace

GatedNorm gated_norm_gates(Pass& pass, const Tensor& x, const BatchNormState& norm,
                           const SqueezeExciteState& squeeze_excite, kernels::Activation activation) {
  GatedNorm out{
      .normed = batch_norm_fold(pass, x, norm), .squeeze_excite = squeeze_excite, .activation = activation};
  const N samples = x.shape().extent<N>();
  const C channels = x.shape().extent<C>();
  const D squeezed{squeeze_excite.reduce_weight->shape.extent<K>().value};
  pass.executor().at(x.dtype(), [&]<class T>(auto place) {
    const auto wide = [&](auto last) { return pass.empty(kDType<Wide<T>>, Shape(samples, last)); };
    out.pooled = wide(channels);
    out.squeezed = wide(squeezed);
    out.gate = wide(channels);
    pass.executor().with_workspace(
        place,
        kernels::GatedNormGates<T>{
            .x = x.view<const T, N, H, W, C>(),
            .scale = out.normed.scale.view<const Wide<T>, C>(),
            .shift = out.normed.shift.view<const Wide<T>, C>(),
            .activation = activation,
            .reduce_weight = squeeze_excite.reduce_weight->for_compute().renamed<const T, D, C>(),
            .reduce_bias = squeeze_excite.reduce_bias->value.renamed<const Wide<T>, D>(),
            .expand_weight = squeeze_excite.expand_weight->for_compute().renamed<const T, C, D>(),
            .expand_bias = squeeze_excite.expand_bias->value.renamed<const Wide<T>, C>(),
            .pooled = out.pooled.view<Wide<T>, N, C>(),
            .squeezed = out.squeezed.view<Wide<T>, N, D>(),
            .gate = out.gate.view<Wide<T>, N, C>(),
            .workspace = {}},
        call_gated_norm);
  });
  return out;
}

Tensor gated_norm_apply(Pass& pass, const GatedNorm& gated) {
  const Tensor& x = gated.normed.x;
  Tensor y = pass.empty(x.dtype(), x.shape());
  pass.executor().at(x.dtype(), [&]<class T>(auto place) {
    kernels::gated_norm(place,
                        kernels::GatedNormApply<T>{.x = x.view<const T, N, H, W, C>(),
                                                   .scale = gated.normed.scale.view<const Wide<T>, C>(),
                                                   .shift = gated.normed.shift.view<const Wide<T>, C>(),
                                                   .activation = gated.activation,
                                                   .gate = gated.gate.view<const Wide<T>, N, C>(),
                                                   .y = y.view<T, N, H, W, C>()});
  });
  return y;
}

namespace {

// The parameters' gradients go to their buckets, that of x to dx.
template <class T>
kernels::GatedNormBackward<T> backward_arguments(const GatedNorm& gated, const Tensor& dx) {
  const NormedTensor& normed = gated.normed;
  const SqueezeExciteState& gates = gated.squeeze_excite;
  const auto [dgamma, accumulate] = gradient_target(*normed.weight);
  return {.x = normed.x.view<const T, N, H, W, C>(),
          .dy = {},
          .mean = normed.mean.view<const Wide<T>, C>(),
          .rstd = normed.rstd.view<const Wide<T>, C>(),
          .gamma = normed.weight->value.view<const Wide<T>, C>(),
          .bias = normed.bias->value.view<const Wide<T>, C>(),
          .activation = gated.activation,
          .reduce_weight = gates.reduce_weight->for_compute().renamed<const T, D, C>(),
          .expand_weight = gates.expand_weight->for_compute().renamed<const T, C, D>(),
          .pooled = gated.pooled.view<const Wide<T>, N, C>(),
          .squeezed = gated.squeezed.view<const Wide<T>, N, D>(),
          .gate = gated.gate.view<const Wide<T>, N, C>(),
          .dx = dx.view<T, N, H, W, C>(),
          .dgamma = dgamma.template view<Wide<T>, C>(),
          .dbias = gradient_target(*normed.bias).into.template view<Wide<T>, C>(),
          .dreduce_weight = gradient_target(*gates.reduce_weight).into.template renamed<Wide<T>, D, C>(),
          .dreduce_bias = gradient_target(*gates.reduce_bias).into.template renamed<Wide<T>, D>(),
          .dexpand_weight = gradient_target(*gates.expand_weight).into.template renamed<Wide<T>, C, D>(),
          .dexpand_bias = gradient_target(*gates.expand_bias).into.template renamed<Wide<T>, C>(),
          .accumulate = accumulate,
          .workspace = {}};
}

}  // namespace

Tensor gated_linear_backward(Pass& pass, const GatedNorm& gated, const Parameter& weight, const Tensor& dy) {
  Tensor dx = pass.empty(dy.dtype(), gated.normed.x.shape());
  pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
    pass.executor().with_workspace(
        place,
        kernels::GatedLinearBackward<T>{.dy = dy.rows<const T, M, K>(),
                                        .weight = weight.for_compute().view<const T, K, C>(),
                                        .norm = backward_arguments<T>(gated, dx),
                                        .workspace = {}},
        [](auto at, const auto& args) { kernels::gated_linear(at, args); });
  });
  return dx;
}

}  // namespace cf
