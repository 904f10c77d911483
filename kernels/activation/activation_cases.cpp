#include "kernels/activation/activation.h"
#include "kernels/all_cases.h"

namespace cf::kernels {

namespace {

Case forward(std::int64_t size, Activation kind, bool benchmark_only) {
  Case result(concat("activation/forward I=", size, " ", name_of(kind)), 4);
  const auto x = result.input("x", normal(0.5, 3), I{size});
  const auto y = result.output("y", I{size});
  result.may_alias(y, x);
  result.benchmark_only = benchmark_only;
  result.runs([=](auto place, const auto& t) {
    activation(place, ActivationForward<ElementOf<decltype(t)>>{.x = t(x), .activation = kind, .y = t(y)});
  });
  return result;
}

Case backward(std::int64_t size, Activation kind, bool benchmark_only) {
  Case result(concat("activation/backward I=", size, " ", name_of(kind)), 8);
  const auto x = result.input("x", normal(0.5, 3), I{size});
  const auto dy = result.input("dy", normal(0, 1), I{size});
  const auto dx = result.output("dx", I{size});
  result.may_alias(dx, dy);
  result.benchmark_only = benchmark_only;
  result.runs([=](auto place, const auto& t) {
    activation(place, ActivationBackward<ElementOf<decltype(t)>>{
                          .x = t(x), .dy = t(dy), .activation = kind, .dx = t(dx)});
  });
  return result;
}

}  // namespace

std::vector<Case> activation_cases() {
  std::vector<Case> cases;
  for (const auto kind : {Activation::None, Activation::Relu, Activation::Silu, Activation::HardSwish}) {
    for (const std::int64_t size : {1, 37, 4099, 100'003, 2'097'152}) {
      const bool benchmark_only = size > 1'000'000;
      cases.push_back(forward(size, kind, benchmark_only));
      cases.push_back(backward(size, kind, benchmark_only));
    }
  }
  return cases;
}

}  // namespace cf::kernels
