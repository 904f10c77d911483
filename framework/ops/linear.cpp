#include "framework/ops/linear.h"

#include "framework/autograd/record.h"
#include "kernels/linear/linear.h"

namespace cf {

namespace {

constexpr auto call_linear = [](auto place, const auto& args) { kernels::linear(place, args); };

struct Linear {
  static constexpr const char* kName = "linear";
  static constexpr bool kAdds = true;
  struct Saved {
    Tensor x;
    Parameter* weight = nullptr;
    Parameter* bias = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter& weight, Parameter* bias) {
    saved = {x, &weight, bias};
    return linear_forward(pass, x, weight, bias);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1> wanted,
                               const Gradients<1>& so_far) {
    return {linear_backward(pass, saved.x, *saved.weight, saved.bias, dy, wanted[0], so_far[0])};
  }
};

}  // namespace

Variable linear(Pass& pass, const Variable& x, Parameter& weight, Parameter* bias) {
  return record<Linear>(pass, inputs(x), weight, bias);
}

Tensor linear_forward(Pass& pass, const Tensor& x, const Parameter& weight, const Parameter* bias,
                      BatchMoments* moments) {
  Tensor y = pass.empty(x.dtype(), x.shape().with(C{weight.shape.extent<K>().value}));
  pass.executor().at(x.dtype(), [&]<class T>(auto place) {
    kernels::LinearForward<T> args{
        .x = x.rows<const T, M, C>(),
        .weight = weight.for_compute().view<const T, K, C>(),
        .bias = bias ? bias->value.view<const Wide<T>, K>() : View<const Wide<T>, K>{},
        .y = y.rows<T, M, K>(),
        .workspace = {}};
    if (moments && kernels::takes_statistics_at_the_store(place, args)) {
      const auto channels = [&] {
        return pass.empty(kDType<Wide<T>>, Shape(C{weight.shape.extent<K>().value}));
      };
      *moments = {channels(), channels()};
      args.mean = moments->mean.template renamed<Wide<T>, K>();
      args.variance = moments->variance.template renamed<Wide<T>, K>();
    }
    pass.executor().with_workspace(place, args, call_linear);
  });
  return y;
}

Tensor linear_backward(Pass& pass, const Tensor& x, Parameter& weight, Parameter* bias, const Tensor& dy,
                       bool wants_dx, const Tensor& so_far) {
  pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
    const auto [dweight, accumulate] = gradient_target(weight);
    kernels::LinearBackwardWeight<T> weight_args{.x = x.rows<const T, M, C>(),
                                                 .dy = dy.rows<const T, M, K>(),
                                                 .dweight = dweight.template view<Wide<T>, K, C>(),
                                                 .dbias = {},
                                                 .accumulate = accumulate,
                                                 .workspace = {}};
    if (bias) weight_args.dbias = gradient_target(*bias).into.view<Wide<T>, K>();
    pass.executor().with_workspace(place, weight_args, call_linear);
  });
  return wants_dx ? linear_backward_input(pass, weight, dy, so_far) : Tensor();
}

Tensor linear_backward_input(Pass& pass, const Parameter& weight, const Tensor& dy, const Tensor& so_far) {
  Tensor dx = pass.empty(dy.dtype(), dy.shape().with(C{weight.shape.extent<C>().value}));
  pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
    pass.executor().with_workspace(place,
                                   kernels::LinearBackwardInput<T>{
                                       .dy = dy.rows<const T, M, K>(),
                                       .weight = weight.for_compute().view<const T, K, C>(),
                                       .added = so_far ? so_far.rows<const T, M, C>() : View<const T, M, C>{},
                                       .dx = dx.rows<T, M, C>(),
                                       .workspace = {}},
                                   call_linear);
  });
  return dx;
}

}  // namespace cf
