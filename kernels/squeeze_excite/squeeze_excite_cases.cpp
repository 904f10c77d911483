#include <algorithm>

#include "kernels/all_cases.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, h, w, c, d;
  bool benchmark_only = false;

  std::string text() const { return concat(" N=", n, " H=", h, " W=", w, " C=", c, " D=", d); }
  double image() const { return static_cast<double>(n * h * w * c); }
  double weights() const { return static_cast<double>(n * c * d); }
};

Case forward(const Problem& p) {
  Case result("squeeze_excite/forward" + p.text(), std::max({p.h * p.w, p.c, p.d}));
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto reduce_weight = result.input("reduce_weight", normal(0, 0.5), D{p.d}, C{p.c});
  const auto reduce_bias = result.input<Element::WideT>("reduce_bias", normal(0, 0.5), D{p.d});
  const auto expand_weight = result.input("expand_weight", normal(0, 0.5), C{p.c}, D{p.d});
  const auto expand_bias = result.input<Element::WideT>("expand_bias", normal(0, 0.5), C{p.c});
  const auto pooled = result.output<Element::WideT>("pooled", N{p.n}, C{p.c});
  const auto squeezed = result.output<Element::WideT>("squeezed", N{p.n}, D{p.d});
  const auto gate = result.output<Element::WideT>("gate", N{p.n}, C{p.c});
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, C{p.c});
  result.flops = 2 * p.image() + 4 * p.weights();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    squeeze_excite(place, t.with_workspace(place, SqueezeExciteForward<T>{.x = t(x),
                                                                          .reduce_weight = t(reduce_weight),
                                                                          .reduce_bias = t(reduce_bias),
                                                                          .expand_weight = t(expand_weight),
                                                                          .expand_bias = t(expand_bias),
                                                                          .pooled = t(pooled),
                                                                          .squeezed = t(squeezed),
                                                                          .gate = t(gate),
                                                                          .y = t(y)}));
  });
  return result;
}

Case backward(const Problem& p, float accumulate) {
  Case result(concat("squeeze_excite/backward", p.text(), accumulate == 0 ? "" : " accumulate"),
              std::max({p.h * p.w, p.c, p.d, p.n}));
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto dy = result.input("dy", normal(0, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto reduce_weight = result.input("reduce_weight", normal(0, 0.5), D{p.d}, C{p.c});
  const auto expand_weight = result.input("expand_weight", normal(0, 0.5), C{p.c}, D{p.d});
  const auto pooled = result.input<Element::WideT>("pooled", normal(0.5, 1), N{p.n}, C{p.c});
  const auto squeezed = result.input<Element::WideT>("squeezed", rectified_normal(0.3, 1), N{p.n}, D{p.d});
  const auto gate = result.input<Element::WideT>("gate", uniform(0.1, 0.9), N{p.n}, C{p.c});
  const auto dx = result.output("dx", N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto dreduce_weight = result.gradient("dreduce_weight", accumulate, D{p.d}, C{p.c});
  const auto dreduce_bias = result.gradient("dreduce_bias", accumulate, D{p.d});
  const auto dexpand_weight = result.gradient("dexpand_weight", accumulate, C{p.c}, D{p.d});
  const auto dexpand_bias = result.gradient("dexpand_bias", accumulate, C{p.c});
  result.may_alias(dx, dy);
  result.flops = 4 * p.image() + 8 * p.weights();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    squeeze_excite(place,
                   t.with_workspace(place, SqueezeExciteBackward<T>{.x = t(x),
                                                                    .dy = t(dy),
                                                                    .reduce_weight = t(reduce_weight),
                                                                    .expand_weight = t(expand_weight),
                                                                    .pooled = t(pooled),
                                                                    .squeezed = t(squeezed),
                                                                    .gate = t(gate),
                                                                    .dx = t(dx),
                                                                    .dreduce_weight = t(dreduce_weight),
                                                                    .dreduce_bias = t(dreduce_bias),
                                                                    .dexpand_weight = t(dexpand_weight),
                                                                    .dexpand_bias = t(dexpand_bias),
                                                                    .accumulate = accumulate}));
  });
  return result;
}

}  // namespace

std::vector<Case> squeeze_excite_cases() {
  const Problem problems[] = {
      {.n = 1, .h = 1, .w = 1, .c = 8, .d = 1},
      {.n = 3, .h = 5, .w = 3, .c = 17, .d = 4},
      {.n = 11, .h = 4, .w = 7, .c = 40, .d = 10},
      {.n = 65, .h = 2, .w = 2, .c = 72, .d = 16},
      // Sums longer than the warps of a block take at once.
      {.n = 5, .h = 1, .w = 2, .c = 1064, .d = 24},
      {.n = 2, .h = 1, .w = 1, .c = 1031, .d = 3},
      // So many that two tiles of samples share the weights they read.
      {.n = 209, .h = 1, .w = 1, .c = 136, .d = 120},
      // ConvFirstNet-Pico at batch 128: stages 3 and 4.
      {.n = 128, .h = 4, .w = 4, .c = 160, .d = 10, .benchmark_only = true},
      {.n = 128, .h = 2, .w = 2, .c = 256, .d = 16, .benchmark_only = true},
      // ConvFirstNet-Small at batch 256: stages 3 and 4.
      {.n = 256, .h = 14, .w = 14, .c = 1024, .d = 64, .benchmark_only = true},
      {.n = 256, .h = 7, .w = 7, .c = 2048, .d = 128, .benchmark_only = true},
      // ConvFirstNet-Small at batch 128 and 224 pixels: stages 3 and 4.
      {.n = 128, .h = 14, .w = 14, .c = 1024, .d = 64, .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .c = 2048, .d = 128, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(forward(p));
    cases.push_back(backward(p, 0));
    if (!p.benchmark_only) cases.push_back(backward(p, 1));
  }
  return cases;
}

}  // namespace cf::kernels
