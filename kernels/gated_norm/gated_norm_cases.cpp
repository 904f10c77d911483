#include "kernels/gated_norm/gated_norm.h"

#include <algorithm>

#include "kernels/all_cases.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, h, w, c, d;
  Activation activation;
  bool benchmark_only = false;

  std::string text() const {
    return concat(" N=", n, " H=", h, " W=", w, " C=", c, " D=", d, " ", name_of(activation));
  }
  double weights() const { return static_cast<double>(n * c * d); }
};

Case gates(const Problem& p) {
  Case result("gated_norm/gates" + p.text(), std::max({p.h * p.w, p.c, p.d}));
  const C c{p.c};
  const D d{p.d};
  const auto x = result.input("x", normal(0.5, 2), N{p.n}, H{p.h}, W{p.w}, c);
  const auto scale = result.input<Element::WideT>("scale", normal(0, 1), c);
  const auto shift = result.input<Element::WideT>("shift", normal(0, 1), c);
  const auto reduce_weight = result.input("reduce_weight", normal(0, 0.5), d, c);
  const auto reduce_bias = result.input<Element::WideT>("reduce_bias", normal(0, 0.5), d);
  const auto expand_weight = result.input("expand_weight", normal(0, 0.5), c, d);
  const auto expand_bias = result.input<Element::WideT>("expand_bias", normal(0, 0.5), c);
  const auto pooled = result.output<Element::WideT>("pooled", N{p.n}, c);
  const auto squeezed = result.output<Element::WideT>("squeezed", N{p.n}, d);
  const auto gate = result.output<Element::WideT>("gate", N{p.n}, c);
  result.rounds_inside = true;
  result.flops = 4 * p.weights();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    gated_norm(place, t.with_workspace(place, GatedNormGates<T>{.x = t(x),
                                                                .scale = t(scale),
                                                                .shift = t(shift),
                                                                .activation = p.activation,
                                                                .reduce_weight = t(reduce_weight),
                                                                .reduce_bias = t(reduce_bias),
                                                                .expand_weight = t(expand_weight),
                                                                .expand_bias = t(expand_bias),
                                                                .pooled = t(pooled),
                                                                .squeezed = t(squeezed),
                                                                .gate = t(gate),
                                                                .workspace = {}}));
  });
  return result;
}

Case apply(const Problem& p) {
  Case result("gated_norm/apply" + p.text(), 8);
  const C c{p.c};
  const auto x = result.input("x", normal(0.5, 2), N{p.n}, H{p.h}, W{p.w}, c);
  const auto scale = result.input<Element::WideT>("scale", normal(0, 1), c);
  const auto shift = result.input<Element::WideT>("shift", normal(0, 1), c);
  const auto gate = result.input<Element::WideT>("gate", uniform(0.1, 0.9), N{p.n}, c);
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, c);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    gated_norm(place, GatedNormApply<T>{.x = t(x),
                                        .scale = t(scale),
                                        .shift = t(shift),
                                        .activation = p.activation,
                                        .gate = t(gate),
                                        .y = t(y)});
  });
  return result;
}

Case backward(const Problem& p, float accumulate) {
  Case result(concat("gated_norm/backward", p.text(), accumulate == 0 ? "" : " accumulate"),
              std::max({p.n * p.h * p.w, p.c, p.d}));
  const N n{p.n};
  const C c{p.c};
  const D d{p.d};
  const auto x = result.input("x", normal(0.5, 2), n, H{p.h}, W{p.w}, c);
  const auto dy = result.input("dy", normal(0.3, 1), n, H{p.h}, W{p.w}, c);
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
  result.may_alias(dx, dy);
  result.rounds_inside = true;
  result.flops = 8 * p.weights();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    gated_norm(place, t.with_workspace(place, GatedNormBackward<T>{.x = t(x),
                                                                   .dy = t(dy),
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
                                                                   .workspace = {}}));
  });
  return result;
}

}  // namespace

std::vector<Case> gated_norm_cases() {
  const Problem problems[] = {
      {.n = 2, .h = 1, .w = 1, .c = 8, .d = 1, .activation = Activation::Relu},
      {.n = 3, .h = 5, .w = 3, .c = 17, .d = 4, .activation = Activation::Silu},
      {.n = 11, .h = 4, .w = 7, .c = 40, .d = 10, .activation = Activation::Relu},
      {.n = 5, .h = 3, .w = 4, .c = 264, .d = 16, .activation = Activation::HardSwish},
      // More samples than lanes that finish a channel's sums.
      {.n = 131, .h = 2, .w = 1, .c = 16, .d = 4, .activation = Activation::None},
      // The MBConv stages of ConvFirstNet-Small at batch 256 and 128.
      {.n = 256,
       .h = 14,
       .w = 14,
       .c = 1024,
       .d = 64,
       .activation = Activation::Relu,
       .benchmark_only = true},
      {.n = 256, .h = 7, .w = 7, .c = 2048, .d = 128, .activation = Activation::Relu, .benchmark_only = true},
      {.n = 128,
       .h = 14,
       .w = 14,
       .c = 1024,
       .d = 64,
       .activation = Activation::Relu,
       .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .c = 2048, .d = 128, .activation = Activation::Relu, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(gates(p));
    cases.push_back(apply(p));
    cases.push_back(backward(p, 0));
    if (!p.benchmark_only) cases.push_back(backward(p, 1));
  }
  return cases;
}

}  // namespace cf::kernels
