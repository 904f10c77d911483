// A value in a forward pass: a tensor, or the sum at the end of a residual block that has not been carried
// out yet.
#pragma once

#include <functional>
#include <memory>

#include "framework/tensor/tensor.h"

namespace cf {

class Pass;

// residual + factor (scale branch + shift): what passes between blocks. The branch's last norm and the
// addition are per-channel affine, so a block that reads the sum can apply them on load; whoever needs a
// plain tensor asks Variable::tensor, which carries the sum out once.
struct ResidualSum {
  Tensor residual;      // [N,H,W,C]
  Tensor branch;        // [B,H,W,C], the kept samples
  Tensor scale, shift;  // [C]
  Tensor kept;          // int64 [N=B]; empty: all samples
  float factor = 1;     // N / B
};

class Variable {
 public:
  static constexpr int kConstant = -1;  // no gradient flows there

  Variable() = default;
  explicit Variable(Tensor tensor, int node = kConstant);
  explicit Variable(ResidualSum sum, int node = kConstant);
  // A constant that can be made again: an op whose backward reads it need not keep it until then.
  Variable(Tensor tensor, std::function<Tensor()> again);

  int node() const { return node_; }
  const Shape& shape() const { return value_->sum ? value_->sum->residual.shape() : value_->tensor.shape(); }

  // The value as a plain tensor; carries a pending sum out on first use.
  const Tensor& tensor(Pass& pass) const;

  // Makes the tensor again; empty where that is not possible.
  const std::function<Tensor()>& again() const { return value_->again; }

  // The pending sum, or null where the value is a plain tensor by now.
  const ResidualSum* pending_sum() const;

 private:
  struct Value {
    Tensor tensor;
    std::unique_ptr<ResidualSum> sum;
    std::function<Tensor()> again;
  };
  std::shared_ptr<Value> value_;
  int node_ = kConstant;
};

}  // namespace cf
