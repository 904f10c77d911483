// The tape: ops in the order they ran, each with what its backward needs. Backward walks it from the end,
// iteratively, so that gradients arriving at a value are summed in a fixed order; a node and the memory it
// saved are released as soon as it has run.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "framework/tensor/tensor.h"

namespace cf {

class Pass;

class Node {
 public:
  virtual ~Node() = default;
  virtual const char* op() const = 0;

  // Whether backward adds: what dx holds on entry is part of the gradient that it returns there, which saves
  // a pass of its own; it may be overwritten where nobody else holds it. Else dx is empty on entry.
  virtual bool adds() const { return false; }

  // Given the gradient of the output, writes the gradients of the inputs that are wanted; others stay empty.
  virtual void backward(Pass& pass, Tensor dy, std::span<const bool> wanted, std::span<Tensor> dx) = 0;
};

class Tape {
 public:
  // Adds an op; `inputs` are node numbers (Variable::kConstant where no gradient flows). Returns its number.
  int add(std::unique_ptr<Node> node, std::span<const int> inputs);

  // Runs backward from `output`, whose gradient is dy. The tape is empty afterwards.
  void backward(Pass& pass, int output, Tensor dy);

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::unique_ptr<Node> node;
    std::vector<int> inputs;
    Tensor gradient;  // of the output: the sum so far
  };

  void add_gradient(Pass& pass, int node, Tensor gradient);
  Tensor take_gradient(int node);

  std::vector<Entry> entries_;
};

}  // namespace cf
