#include "framework/ops/squeeze_excite.h"

#include "framework/autograd/record.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace cf {

namespace {

struct SqueezeExcite {
  static constexpr const char* kName = "squeeze_excite";
  struct Saved {
    Tensor x, pooled, squeezed, gate;
    SqueezeExciteState state;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter& reduce_weight,
                        const SqueezeExciteState& state) {
    const N samples = x.shape().extent<N>();
    const C channels = x.shape().extent<C>();
    Tensor y = pass.empty(x.dtype(), x.shape());
    pass.executor().at(x.dtype(), [&]<class T>(auto place) {
      const auto wide = [&](auto last) { return pass.empty(kDType<Wide<T>>, Shape(samples, last)); };
      saved = {x, wide(channels), wide(D{reduce_weight.shape.extent<K>().value}), wide(channels), state};
      pass.executor().with_workspace(
          place,
          kernels::SqueezeExciteForward<T>{
              .x = x.view<const T, N, H, W, C>(),
              .reduce_weight = reduce_weight.for_compute().renamed<const T, D, C>(),
              .reduce_bias = state.reduce_bias->value.renamed<const Wide<T>, D>(),
              .expand_weight = state.expand_weight->for_compute().renamed<const T, C, D>(),
              .expand_bias = state.expand_bias->value.renamed<const Wide<T>, C>(),
              .pooled = saved.pooled.view<Wide<T>, N, C>(),
              .squeezed = saved.squeezed.view<Wide<T>, N, D>(),
              .gate = saved.gate.view<Wide<T>, N, C>(),
              .y = y.view<T, N, H, W, C>(),
              .workspace = {}},
          [](auto at, const auto& args) { kernels::squeeze_excite(at, args); });
    });
    return y;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>) {
    Tensor dx = pass.empty(dy.dtype(), dy.shape());
    const SqueezeExciteState& state = saved.state;
    pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
      const auto [dreduce, accumulate] = gradient_target(*state.reduce_weight);
      pass.executor().with_workspace(
          place,
          kernels::SqueezeExciteBackward<T>{
              .x = saved.x.view<const T, N, H, W, C>(),
              .dy = dy.view<const T, N, H, W, C>(),
              .reduce_weight = state.reduce_weight->for_compute().renamed<const T, D, C>(),
              .expand_weight = state.expand_weight->for_compute().renamed<const T, C, D>(),
              .pooled = saved.pooled.view<const Wide<T>, N, C>(),
              .squeezed = saved.squeezed.view<const Wide<T>, N, D>(),
              .gate = saved.gate.view<const Wide<T>, N, C>(),
              .dx = dx.view<T, N, H, W, C>(),
              .dreduce_weight = dreduce.template renamed<Wide<T>, D, C>(),
              .dreduce_bias = gradient_target(*state.reduce_bias).into.template renamed<Wide<T>, D>(),
              .dexpand_weight = gradient_target(*state.expand_weight).into.template renamed<Wide<T>, C, D>(),
              .dexpand_bias = gradient_target(*state.expand_bias).into.template renamed<Wide<T>, C>(),
              .accumulate = accumulate,
              .workspace = {}},
          [](auto at, const auto& args) { kernels::squeeze_excite(at, args); });
    });
    return {dx};
  }
};

}  // namespace

Variable squeeze_excite(Pass& pass, const Variable& x, const SqueezeExciteState& state) {
  return record<SqueezeExcite>(pass, inputs(x), *state.reduce_weight, state);
}

}  // namespace cf
