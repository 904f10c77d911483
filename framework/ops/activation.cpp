#include "framework/ops/activation.h"

#include "framework/autograd/record.h"

namespace cf {

namespace {

struct ActivationOp {
  static constexpr const char* kName = "activation";
  struct Saved {
    Tensor x;
    kernels::Activation kind = kernels::Activation::None;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, kernels::Activation kind) {
    saved = {x, kind};
    Tensor y = pass.empty(x.dtype(), x.shape());
    pass.executor().at(x.dtype(), [&]<class T>(auto place) {
      kernels::activation(
          place, kernels::ActivationForward<T>{.x = x.flat<const T>(), .activation = kind, .y = y.flat<T>()});
    });
    return y;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>) {
    Tensor dx = dy.is_unique() ? dy : pass.empty(dy.dtype(), dy.shape());
    pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
      kernels::activation(place, kernels::ActivationBackward<T>{.x = saved.x.flat<const T>(),
                                                                .dy = dy.flat<const T>(),
                                                                .activation = saved.kind,
                                                                .dx = dx.flat<T>()});
    });
    return {dx};
  }
};

}  // namespace

Variable activation(Pass& pass, const Variable& x, kernels::Activation kind) {
  return kind == kernels::Activation::None ? x : record<ActivationOp>(pass, inputs(x), kind);
}

}  // namespace cf
