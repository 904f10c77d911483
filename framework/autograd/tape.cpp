#include "framework/autograd/tape.h"

#include <array>
#include <utility>

#include "framework/autograd/pass.h"
#include "kernels/residual/residual.h"

namespace cf {

namespace {

// sum += other, in a tensor of its own where somebody else holds the sum too (a residual hands on its own
// gradient).
Tensor added(Pass& pass, Tensor sum, const Tensor& other) {
  CF_CHECK(sum.shape() == other.shape(), "gradients of one value have shapes ", sum.shape().text(), " and ",
           other.shape().text());
  if (!sum.is_unique()) {
    Tensor copy = pass.empty(sum.dtype(), sum.shape());
    pass.executor().copy(sum, copy);
    sum = std::move(copy);
  }
  const Shape flat(N{1}, H{1}, W{1}, C{sum.size()});
  pass.executor().at(sum.dtype(), [&]<class T>(auto place) {
    kernels::residual(place,
                      kernels::ScatterAddSamples<T>{.x = other.reshaped(flat).view<const T, N, H, W, C>(),
                                                    .kept = {},
                                                    .y = sum.reshaped(flat).view<T, N, H, W, C>()});
  });
  return sum;
}

}  // namespace

int Tape::add(std::unique_ptr<Node> node, std::span<const int> inputs) {
  entries_.push_back({std::move(node), {inputs.begin(), inputs.end()}, {}});
  return static_cast<int>(entries_.size()) - 1;
}

void Tape::add_gradient(Pass& pass, int node, Tensor gradient) {
  Tensor& sum = entries_[static_cast<std::size_t>(node)].gradient;
  sum = sum ? added(pass, std::move(sum), gradient) : std::move(gradient);
}

Tensor Tape::take_gradient(int node) {
  return std::exchange(entries_[static_cast<std::size_t>(node)].gradient, Tensor());
}

void Tape::backward(Pass& pass, int output, Tensor dy) {
  CF_CHECK(output >= 0 && output < static_cast<int>(entries_.size()), "backward from node ", output,
           " of a tape of ", entries_.size());
  add_gradient(pass, output, std::move(dy));
  while (!entries_.empty()) {
    Entry entry = std::move(entries_.back());
    entries_.pop_back();
    if (!entry.gradient) continue;  // nothing behind it reached the output

    constexpr std::size_t kMaxInputs = 4;
    CF_CHECK(entry.inputs.size() <= kMaxInputs, entry.node->op(), " has ", entry.inputs.size(), " inputs");
    std::array<bool, kMaxInputs> wanted{};
    std::array<Tensor, kMaxInputs> dx;
    for (std::size_t i = 0; i < entry.inputs.size(); ++i) wanted[i] = entry.inputs[i] >= 0;
    if (entry.node->adds()) {
      for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
        if (wanted[i]) dx[i] = take_gradient(entry.inputs[i]);
      }
    }
    entry.node->backward(pass, std::move(entry.gradient), {wanted.data(), entry.inputs.size()},
                         {dx.data(), entry.inputs.size()});
    const char* op = entry.node->op();
    entry.node.reset();
    if (pass.backward_observer()) pass.backward_observer()();
    for (std::size_t i = 0; i < entry.inputs.size(); ++i) {
      if (!wanted[i]) continue;
      CF_CHECK(dx[i], op, " gave no gradient for input ", i);
      add_gradient(pass, entry.inputs[i], std::move(dx[i]));
    }
  }
}

}  // namespace cf
