#include "framework/ops/linear.h"

#include "framework/autograd/record.h"
#include "kernels/linear/linear.h"

namespace cf {

namespace {

struct Linear {
  static constexpr const char* kName = "linear";
  struct Saved {
    Tensor x;
    Parameter* weight = nullptr;
    Parameter* bias = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter& weight, Parameter* bias) {
    saved = {x, &weight, bias};
    Tensor y = pass.empty(x.dtype(), x.shape().with(C{weight.shape.extent<K>().value}));
    pass.executor().at(x.dtype(), [&]<class T>(auto place) {
      pass.executor().with_workspace(
          place,
          kernels::LinearForward<T>{
              .x = x.rows<const T, M, C>(),
              .weight = weight.for_compute().view<const T, K, C>(),
              .bias = bias ? bias->value.view<const Wide<T>, K>() : View<const Wide<T>, K>{},
              .y = y.rows<T, M, K>(),
              .workspace = {}},
          [](auto at, const auto& args) { kernels::linear(at, args); });
    });
    return y;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1> wanted) {
    Tensor dx;
    pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
      const auto [dweight, accumulate] = gradient_target(*saved.weight);
      kernels::LinearBackwardWeight<T> weight_args{.x = saved.x.rows<const T, M, C>(),
                                                   .dy = dy.rows<const T, M, K>(),
                                                   .dweight = dweight.template view<Wide<T>, K, C>(),
                                                   .dbias = {},
                                                   .accumulate = accumulate,
                                                   .workspace = {}};
      if (saved.bias) weight_args.dbias = gradient_target(*saved.bias).into.view<Wide<T>, K>();
      pass.executor().with_workspace(place, weight_args,
                                     [](auto at, const auto& args) { kernels::linear(at, args); });
      if (!wanted[0]) return;
      dx = pass.empty(dy.dtype(), saved.x.shape());
      pass.executor().with_workspace(
          place,
          kernels::LinearBackwardInput<T>{.dy = dy.rows<const T, M, K>(),
                                          .weight = saved.weight->for_compute().view<const T, K, C>(),
                                          .dx = dx.rows<T, M, C>(),
                                          .workspace = {}},
          [](auto at, const auto& args) { kernels::linear(at, args); });
    });
    return {dx};
  }
};

}  // namespace

Variable linear(Pass& pass, const Variable& x, Parameter& weight, Parameter* bias) {
  return record<Linear>(pass, inputs(x), weight, bias);
}

}  // namespace cf
