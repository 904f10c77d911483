#include <algorithm>

#include "kernels/all_cases.h"
#include "kernels/gated_linear/gated_linear.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, h, w, c, d, k;
  Activation activation = Activation::Relu;
  int sm_limit = 0;  // 1: a few blocks work on sample after sample
  bool benchmark_only = false;

  std::string text() const {
    return concat(" N=", n, " H=", h, " W=", w, " C=", c, " D=", d, " K=", k, " ", name_of(activation));
  }
  std::string cuda_variant() const { return sm_limit == 0 ? "" : " one SM"; }
  double flops() const { return 2.0 * static_cast<double>(n * h * w * c * k + 4 * n * c * d); }
};

Case backward(const Problem& p, float accumulate) {
  Case result(concat("gated_linear/backward", p.text(), accumulate == 0 ? "" : " accumulate"),
              p.cuda_variant(), std::max({p.n * p.h * p.w, p.c, p.d, p.k}));
  const N n{p.n};
  const C c{p.c};
  const D d{p.d};
  const auto dy = result.input("dy", normal(0.3, 1), M{p.n * p.h * p.w}, K{p.k});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.k}, c);
  const auto x = result.input("x", normal(0.5, 2), n, H{p.h}, W{p.w}, c);
  const auto mean = result.input<Element::WideT>("mean", normal(0.5, 0.2), c);
  const auto rstd = result.input<Element::WideT>("rstd", uniform(0.3, 0.7), c);
  const auto gamma = result.input<Element::WideT>("gamma", normal(0, 1), c);
  const auto bias = result.input<Element::WideT>("bias", normal(0, 1), c);
  const auto reduce_weight = result.input("reduce_weight", normal(0, 0.5), d, c);
  const auto expand_weight = result.input("expand_weight", normal(0, 0.5), c, d);
  const auto pooled = result.input<Element::WideT>("pooled", normal(0.5, 1), n, c);
  const auto squeezed = result.input<Element::WideT>("squeezed", rectified_normal(0.3, 1), n, d);
  const auto gate = result.input<Element::WideT>("gate", uniform(0.1, 0.9), n, c);
  const auto dx = result.output("dx", n, H{p.h}, W{p.w}, c);
  const auto dgamma = result.gradient("dgamma", accumulate, c);
  const auto dbias = result.gradient("dbias", accumulate, c);
  const auto dreduce_weight = result.gradient("dreduce_weight", accumulate, d, c);
  const auto dreduce_bias = result.gradient("dreduce_bias", accumulate, d);
  const auto dexpand_weight = result.gradient("dexpand_weight", accumulate, c, d);
  const auto dexpand_bias = result.gradient("dexpand_bias", accumulate, c);
  result.rounds_inside = true;
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    if constexpr (std::is_same_v<decltype(place), Cuda>) place.sm_limit = p.sm_limit;
    gated_linear(place,
                 t.with_workspace(place, GatedLinearBackward<T>{.dy = t(dy),
                                                                .weight = t(weight),
                                                                .norm = {.x = t(x),
                                                                         .dy = {},
                                                                         .mean = t(mean),
                                                                         .rstd = t(rstd),
                                                                         .gamma = t(gamma),
                                                                         .bias = t(bias),
                                                                         .activation = p.activation,
                                                                         .reduce_weight = t(reduce_weight),
                                                                         .expand_weight = t(expand_weight),
                                                                         .pooled = t(pooled),
                                                                         .squeezed = t(squeezed),
                                                                         .gate = t(gate),
                                                                         .dx = t(dx),
                                                                         .dgamma = t(dgamma),
                                                                         .dbias = t(dbias),
                                                                         .dreduce_weight = t(dreduce_weight),
                                                                         .dreduce_bias = t(dreduce_bias),
                                                                         .dexpand_weight = t(dexpand_weight),
                                                                         .dexpand_bias = t(dexpand_bias),
                                                                         .accumulate = accumulate,
                                                                         .workspace = {}},
                                                                .workspace = {}}));
  });
  return result;
}

}  // namespace

std::vector<Case> gated_linear_backward_cases() {
  const Problem problems[] = {
      {.n = 2, .h = 1, .w = 1, .c = 8, .d = 1, .k = 3},
      {.n = 1, .h = 5, .w = 3, .c = 128, .d = 4, .k = 128},
      {.n = 3, .h = 5, .w = 3, .c = 17, .d = 4, .k = 24, .activation = Activation::Silu},
      {.n = 3, .h = 7, .w = 7, .c = 128, .d = 4, .k = 128, .activation = Activation::HardSwish},
      // Sums at the store: tiles of a sample and of a part of one, with few and with many empty rows; blocks
      // of several samples, and of some more than others.
      {.n = 5, .h = 7, .w = 7, .c = 128, .d = 8, .k = 256},
      {.n = 5, .h = 7, .w = 7, .c = 128, .d = 8, .k = 192, .sm_limit = 1},
      {.n = 1, .h = 4, .w = 7, .c = 256, .d = 8, .k = 256, .activation = Activation::None},
      {.n = 2, .h = 14, .w = 14, .c = 128, .d = 16, .k = 256},
      {.n = 1, .h = 14, .w = 14, .c = 128, .d = 4, .k = 512},
      {.n = 7, .h = 10, .w = 10, .c = 128, .d = 4, .k = 128, .activation = Activation::None, .sm_limit = 3},
      {.n = 3, .h = 12, .w = 9, .c = 256, .d = 4, .k = 192, .sm_limit = 2},
      {.n = 4, .h = 23, .w = 9, .c = 128, .d = 4, .k = 256, .sm_limit = 1},
      // Projections of ConvFirstNet-Small's MBConv blocks at batch 256 and 128 and 224 pixels.
      {.n = 256, .h = 14, .w = 14, .c = 1024, .d = 64, .k = 256, .benchmark_only = true},
      {.n = 256, .h = 7, .w = 7, .c = 2048, .d = 128, .k = 512, .benchmark_only = true},
      {.n = 128, .h = 14, .w = 14, .c = 1024, .d = 64, .k = 256, .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .c = 2048, .d = 128, .k = 512, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(backward(p, 0));
    if (!p.benchmark_only) cases.push_back(backward(p, 1));
  }
  return cases;
}

}  // namespace cf::kernels
