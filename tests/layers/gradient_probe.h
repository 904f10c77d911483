// Lets a test read the gradient that reaches the input of a network or block.
#pragma once

#include <memory>
#include <utility>

#include "framework/autograd/pass.h"

namespace cf::test {

// An identity in front of what is tested; backward leaves the gradient in the tensor given.
class GradientProbe final : public Node {
 public:
  explicit GradientProbe(Tensor& gradient) : gradient_(gradient) {}

  const char* op() const override { return "probe"; }
  void backward(Pass&, Tensor dy, std::span<const bool>, std::span<Tensor>) override {
    gradient_ = std::move(dy);
  }

 private:
  Tensor& gradient_;
};

inline Variable probed(Pass& pass, const Tensor& x, Tensor& gradient) {
  return Variable(x, pass.tape().add(std::make_unique<GradientProbe>(gradient), {}));
}

}  // namespace cf::test
