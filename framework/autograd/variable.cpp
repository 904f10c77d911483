#include "framework/autograd/variable.h"

#include "framework/autograd/kept_samples.h"
#include "framework/autograd/pass.h"
#include "kernels/residual/residual.h"

namespace cf {

Variable::Variable(Tensor tensor, int node) : value_(std::make_shared<Value>()), node_(node) {
  value_->tensor = std::move(tensor);
}

Variable::Variable(ResidualSum sum, int node) : value_(std::make_shared<Value>()), node_(node) {
  value_->sum = std::make_unique<ResidualSum>(std::move(sum));
}

Variable::Variable(Tensor tensor, std::function<Tensor()> again) : Variable(std::move(tensor)) {
  value_->again = std::move(again);
}

const ResidualSum* Variable::pending_sum() const { return value_->sum.get(); }

const Tensor& Variable::tensor(Pass& pass) const {
  CF_CHECK(value_ != nullptr, "a variable that holds nothing is read");
  if (value_->sum == nullptr) return value_->tensor;
  const ResidualSum& sum = *value_->sum;
  Tensor y = pass.empty(sum.residual.dtype(), sum.residual.shape());
  pass.executor().at(y.dtype(), [&]<class T>(auto place) {
    kernels::residual(place, kernels::ResidualSum<T>{.x = sum.residual.view<const T, N, H, W, C>(),
                                                     .branch = sum.branch.view<const T, N, H, W, C>(),
                                                     .scale = sum.scale.view<const Wide<T>, C>(),
                                                     .shift = sum.shift.view<const Wide<T>, C>(),
                                                     .kept = view_of_kept(sum.kept),
                                                     .factor = sum.factor,
                                                     .y = y.view<T, N, H, W, C>()});
  });
  value_->tensor = std::move(y);
  value_->sum.reset();
  return value_->tensor;
}

}  // namespace cf
