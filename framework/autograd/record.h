// How an op runs and is remembered. An op is a struct:
//
//   struct Linear {
//     static constexpr const char* kName = "linear";
//     struct Saved { Tensor x; ... };                                              // named state for
//     backward static Tensor forward(Saved&, Pass&, const Tensor& x, Parameter& weight);    // or a
//     ResidualSum static Gradients<1> backward(Saved&, Pass&, Tensor dy, Wanted<1>);
//   };
//   Variable y = record<Linear>(pass, inputs(x), weight);
//
// Gradients of activations are returned; those of parameters go into gradient_target(parameter). dy may be
// overwritten where dy.is_unique(). An op with `static constexpr bool kAdds = true` gets the gradients of its
// inputs so far as a last argument of backward, Gradients<n>: where one is not empty, it returns the sum,
// which may take its place where it is_unique().
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "framework/autograd/pass.h"
#include "framework/parameters/parameter.h"

namespace cf {

template <std::size_t n>
using Gradients = std::array<Tensor, n>;
template <std::size_t n>
using Wanted = std::array<bool, n>;

namespace detail {

template <class Op, std::size_t n>
class OpNode final : public Node {
 public:
  typename Op::Saved saved;

  static constexpr bool kAdds = requires { Op::kAdds; };

  const char* op() const override { return Op::kName; }
  bool adds() const override { return kAdds; }
  void backward(Pass& pass, Tensor dy, std::span<const bool> wanted, std::span<Tensor> dx) override {
    Wanted<n> w;
    std::copy_n(wanted.begin(), n, w.begin());
    Gradients<n> gradients;
    if constexpr (kAdds) {
      std::move(dx.begin(), dx.begin() + n, gradients.begin());
      gradients = Op::backward(saved, pass, std::move(dy), w, std::move(gradients));
    } else {
      gradients = Op::backward(saved, pass, std::move(dy), w);
    }
    std::move(gradients.begin(), gradients.end(), dx.begin());
  }
};

inline std::string_view name_of_parameter(const Parameter& p) { return p.name; }
inline std::string_view name_of_parameter(const Parameter* p) { return p ? std::string_view(p->name) : ""; }
template <class Other>
std::string_view name_of_parameter(const Other&) {
  return {};
}

template <class... Args>
std::string_view first_parameter(const Args&... args) {
  std::string_view name;
  ((name = name.empty() ? name_of_parameter(args) : name), ...);
  return name;
}

}  // namespace detail

template <class... Variables>
std::array<const Variable*, sizeof...(Variables)> inputs(const Variables&... variables) {
  return {&variables...};
}

template <class Op, std::size_t n, class... Args>
Variable record(Pass& pass, const std::array<const Variable*, n>& inputs, Args&&... args) {
  auto node = std::make_unique<detail::OpNode<Op, n>>();
  auto output = [&]<std::size_t... Is>(std::index_sequence<Is...>) {
    return Op::forward(node->saved, pass, inputs[Is]->tensor(pass)..., args...);
  }
  (std::make_index_sequence<n>{});
  if constexpr (std::is_same_v<decltype(output), Tensor>) {
    if (pass.inspector()) pass.inspector()(Op::kName, detail::first_parameter(args...), output);
  }
  if (!pass.training()) return Variable(std::move(output));
  std::array<int, n> nodes;
  for (std::size_t i = 0; i < n; ++i) nodes[i] = inputs[i]->node();
  return Variable(std::move(output), pass.tape().add(std::move(node), nodes));
}

}  // namespace cf
