#include "kernels/all_cases.h"
#include "kernels/folded_linear/folded_linear.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t m, c, k;
  Activation activation = Activation::None;
  bool residual = false;
  bool benchmark_only = false;

  std::string text() const {
    return concat(" M=", m, " C=", c, " K=", k, activation == Activation::None ? std::string_view() : " ",
                  activation == Activation::None ? std::string_view() : name_of(activation),
                  residual ? " residual" : "");
  }
};

Case forward(const Problem& p) {
  Case result(concat("folded_linear", p.text()), p.c);
  const auto x = result.input("x", normal(0.5, 1), M{p.m}, C{p.c});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.k}, C{p.c});
  const auto bias = result.input("bias", normal(0, 1), K{p.k});
  CaseHandle<Element::T, false, M, K> residual;
  if (p.residual) residual = result.input("residual", normal(0, 1), M{p.m}, K{p.k});
  const auto y = result.output("y", M{p.m}, K{p.k});
  result.flops = 2.0 * static_cast<double>(p.m * p.c * p.k);
  result.benchmark_only = p.benchmark_only;
  result.runs([=, activation = p.activation](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    folded_linear(place, t.with_workspace(place, FoldedLinear<T>{.x = t(x),
                                                                 .weight = t(weight),
                                                                 .bias = t(bias),
                                                                 .activation = activation,
                                                                 .residual = t(residual),
                                                                 .y = t(y)}));
  });
  return result;
}

}  // namespace

std::vector<Case> folded_linear_cases() {
  constexpr auto kRelu = Activation::Relu;
  const Problem problems[] = {
      {.m = 1, .c = 1, .k = 1},
      {.m = 37, .c = 24, .k = 96, .activation = kRelu},
      {.m = 131, .c = 96, .k = 24, .residual = true},
      {.m = 65, .c = 7, .k = 33, .activation = Activation::Silu},
      {.m = 50, .c = 16, .k = 40, .activation = Activation::HardSwish},
      {.m = 1, .c = 320, .k = 130, .activation = kRelu},
      {.m = 3, .c = 264, .k = 21, .residual = true},
      {.m = 2, .c = 1032, .k = 5},
      // The head of ConvFirstNet-Small for one image.
      {.m = 1, .c = 512, .k = 1280, .benchmark_only = true},
      {.m = 1, .c = 1280, .k = 1000, .benchmark_only = true},
      // Expand and project of ConvFirstNet-Small's MBConv stages at batch 128 and 224 pixels.
      {.m = 25'088, .c = 256, .k = 1024, .activation = kRelu, .benchmark_only = true},
      {.m = 25'088, .c = 1024, .k = 256, .residual = true, .benchmark_only = true},
      {.m = 6'272, .c = 512, .k = 2048, .activation = kRelu, .benchmark_only = true},
      {.m = 6'272, .c = 2048, .k = 512, .residual = true, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) cases.push_back(forward(p));
  return cases;
}

}  // namespace cf::kernels
