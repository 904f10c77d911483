#include "framework/ops/grouped_conv.h"

#include "framework/autograd/record.h"
#include "kernels/grouped_conv/grouped_conv.h"

namespace cf {

namespace {

constexpr auto call = [](auto place, const auto& args) { kernels::grouped_conv(place, args); };

struct GroupedConv {
  static constexpr const char* kName = "grouped_conv";
  struct Saved {
    Tensor x;
    Parameter* weight = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter& weight) {
    saved = {x, &weight};
    return grouped_conv_forward(pass, x, weight);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1> wanted) {
    return {grouped_conv_backward(pass, saved.x, *saved.weight, dy, wanted[0])};
  }
};

}  // namespace

Variable grouped_conv(Pass& pass, const Variable& x, Parameter& weight) {
  return record<GroupedConv>(pass, inputs(x), weight);
}

Tensor grouped_conv_forward(Pass& pass, const Tensor& x, const Parameter& weight) {
  Tensor y = pass.empty(x.dtype(), x.shape());
  pass.executor().at(x.dtype(), [&]<class T>(auto place) {
    pass.executor().with_workspace(
        place,
        kernels::GroupedConvForward<T>{.x = x.view<const T, N, H, W, C>(),
                                       .weight = weight.for_compute().view<const T, K, R, S, C>(),
                                       .y = y.renamed<T, N, H, W, K>(),
                                       .workspace = {}},
        call);
  });
  return y;
}

Tensor grouped_conv_backward(Pass& pass, const Tensor& x, Parameter& weight, const Tensor& dy,
                             bool wants_dx) {
  Tensor dx;
  Executor& executor = pass.executor();
  executor.at(dy.dtype(), [&]<class T>(auto place) {
    const auto [dweight, accumulate] = gradient_target(weight);
    executor.with_workspace(
        place,
        kernels::GroupedConvBackwardWeight<T>{.x = x.view<const T, N, H, W, C>(),
                                              .dy = dy.renamed<const T, N, H, W, K>(),
                                              .dweight = dweight.template view<Wide<T>, K, R, S, C>(),
                                              .accumulate = accumulate,
                                              .workspace = {}},
        call);
    if (!wants_dx) return;
    dx = pass.empty(dy.dtype(), x.shape());
    executor.with_workspace(
        place,
        kernels::GroupedConvBackwardInput<T>{.dy = dy.renamed<const T, N, H, W, K>(),
                                             .weight = weight.for_compute().view<const T, K, R, S, C>(),
                                             .dx = dx.view<T, N, H, W, C>(),
                                             .workspace = {}},
        call);
  });
  return dx;
}

}  // namespace cf
