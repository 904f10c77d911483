#include "framework/ops/squeeze_excite.h"

#include "framework/autograd/record.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace cf {

namespace {

constexpr auto call = [](auto place, const auto& args) { kernels::squeeze_excite(place, args); };

struct SqueezeExcite {
  static constexpr const char* kName = "squeeze_excite";
  struct Saved {
    GatedTensor gated;
    SqueezeExciteState state;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter&,
                        const SqueezeExciteState& state) {
    saved.state = state;
    return squeeze_excite_forward(pass, saved.gated, x, state);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, Tensor dy, Wanted<1>) {
    return {squeeze_excite_backward(pass, saved.gated, saved.state, std::move(dy))};
  }
};

}  // namespace

Variable squeeze_excite(Pass& pass, const Variable& x, const SqueezeExciteState& state) {
  return record<SqueezeExcite>(pass, inputs(x), *state.reduce_weight, state);
}

Tensor squeeze_excite_forward(Pass& pass, GatedTensor& gated, const Tensor& x,
                              const SqueezeExciteState& state) {
  const N samples = x.shape().extent<N>();
  const C channels = x.shape().extent<C>();
  const D squeezed{state.reduce_weight->shape.extent<K>().value};
  Tensor y = pass.empty(x.dtype(), x.shape());
  pass.executor().at(x.dtype(), [&]<class T>(auto place) {
    const auto wide = [&](auto last) { return pass.empty(kDType<Wide<T>>, Shape(samples, last)); };
    gated = {x, wide(channels), wide(squeezed), wide(channels)};
    pass.executor().with_workspace(
        place,
        kernels::SqueezeExciteForward<T>{
            .x = x.view<const T, N, H, W, C>(),
            .reduce_weight = state.reduce_weight->for_compute().renamed<const T, D, C>(),
            .reduce_bias = state.reduce_bias->value.renamed<const Wide<T>, D>(),
            .expand_weight = state.expand_weight->for_compute().renamed<const T, C, D>(),
            .expand_bias = state.expand_bias->value.renamed<const Wide<T>, C>(),
            .pooled = gated.pooled.view<Wide<T>, N, C>(),
            .squeezed = gated.squeezed.view<Wide<T>, N, D>(),
            .gate = gated.gate.view<Wide<T>, N, C>(),
            .y = y.view<T, N, H, W, C>(),
            .workspace = {}},
        call);
  });
  return y;
}

Tensor squeeze_excite_backward(Pass& pass, const GatedTensor& gated, const SqueezeExciteState& state,
                               Tensor dy) {
  Tensor dx = dy.is_unique() ? dy : pass.empty(dy.dtype(), dy.shape());
  pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
    const auto [dreduce, accumulate] = gradient_target(*state.reduce_weight);
    pass.executor().with_workspace(
        place,
        kernels::SqueezeExciteBackward<T>{
            .x = gated.x.view<const T, N, H, W, C>(),
            .dy = dy.view<const T, N, H, W, C>(),
            .reduce_weight = state.reduce_weight->for_compute().renamed<const T, D, C>(),
            .expand_weight = state.expand_weight->for_compute().renamed<const T, C, D>(),
            .pooled = gated.pooled.view<const Wide<T>, N, C>(),
            .squeezed = gated.squeezed.view<const Wide<T>, N, D>(),
            .gate = gated.gate.view<const Wide<T>, N, C>(),
            .dx = dx.view<T, N, H, W, C>(),
            .dreduce_weight = dreduce.template renamed<Wide<T>, D, C>(),
            .dreduce_bias = gradient_target(*state.reduce_bias).into.template renamed<Wide<T>, D>(),
            .dexpand_weight = gradient_target(*state.expand_weight).into.template renamed<Wide<T>, C, D>(),
            .dexpand_bias = gradient_target(*state.expand_bias).into.template renamed<Wide<T>, C>(),
            .accumulate = accumulate,
            .workspace = {}},
        call);
  });
  return dx;
}

}  // namespace cf
