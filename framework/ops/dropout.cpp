#include "framework/ops/dropout.h"

#include "framework/autograd/record.h"
#include "kernels/dropout/dropout.h"

namespace cf {

namespace {

struct Dropout {
  static constexpr const char* kName = "dropout";
  struct Saved {
    float probability = 0;
    std::uint64_t layer = 0;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, float probability) {
    saved = {probability, pass.next_random_layer()};
    Tensor y = pass.empty(x.dtype(), x.shape());
    run(saved, pass, x, y);
    return y;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>) {
    Tensor dx = dy.is_unique() ? dy : pass.empty(dy.dtype(), dy.shape());
    run(saved, pass, dy, dx);
    return {dx};
  }

  static void run(const Saved& saved, Pass& pass, const Tensor& from, const Tensor& to) {
    pass.executor().at(from.dtype(), [&]<class T>(auto place) {
      kernels::dropout(place, kernels::Dropout<T>{.x = from.flat<const T>(),
                                                  .probability = saved.probability,
                                                  .seed = pass.options().seed,
                                                  .layer = saved.layer,
                                                  .draw = pass.draw().view<const std::int64_t, I>(),
                                                  .y = to.flat<T>()});
    });
  }
};

}  // namespace

Variable dropout(Pass& pass, const Variable& x, float probability) {
  return pass.training() && probability > 0 ? record<Dropout>(pass, inputs(x), probability) : x;
}

}  // namespace cf
