#include "framework/ops/global_average_pool.h"

#include "framework/autograd/record.h"
#include "kernels/global_average_pool/global_average_pool.h"

namespace cf {

namespace {

struct GlobalAveragePool {
  static constexpr const char* kName = "global_average_pool";
  struct Saved {
    Shape shape;  // of x
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x) {
    saved = {x.shape()};
    Tensor y = pass.empty(x.dtype(), Shape(x.shape().extent<N>(), x.shape().extent<C>()));
    pass.executor().at(x.dtype(), [&]<class T>(auto place) {
      kernels::global_average_pool(place, kernels::GlobalAveragePoolForward<T>{
                                              .x = x.view<const T, N, H, W, C>(), .y = y.view<T, N, C>()});
    });
    return y;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>) {
    Tensor dx = pass.empty(dy.dtype(), saved.shape);
    pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
      kernels::global_average_pool(place,
                                   kernels::GlobalAveragePoolBackward<T>{.dy = dy.view<const T, N, C>(),
                                                                         .dx = dx.view<T, N, H, W, C>()});
    });
    return {dx};
  }
};

}  // namespace

Variable global_average_pool(Pass& pass, const Variable& x) {
  return record<GlobalAveragePool>(pass, inputs(x));
}

}  // namespace cf
