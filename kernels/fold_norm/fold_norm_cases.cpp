#include "kernels/all_cases.h"
#include "kernels/fold_norm/fold_norm.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t channels, depth;
  bool benchmark_only = false;
};

Case fold(const Problem& p) {
  Case result(concat("fold_norm K=", p.channels, " I=", p.depth), 1);
  const auto weight = result.input<Element::WideT>("weight", normal(0, 0.3), K{p.channels}, I{p.depth});
  const auto mean = result.input<Element::WideT>("mean", normal(0.5, 1), K{p.channels});
  const auto variance = result.input<Element::WideT>("variance", uniform(0, 3), K{p.channels});
  const auto gamma = result.input<Element::WideT>("gamma", normal(1, 0.5), K{p.channels});
  const auto bias = result.input<Element::WideT>("bias", normal(0, 1), K{p.channels});
  const auto folded = result.output("folded", K{p.channels}, I{p.depth});
  const auto shift = result.output<Element::WideT>("shift", K{p.channels});
  result.flops = static_cast<double>(p.channels * p.depth);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    fold_norm(place, FoldNorm<T>{.weight = t(weight),
                                 .mean = t(mean),
                                 .variance = t(variance),
                                 .gamma = t(gamma),
                                 .bias = t(bias),
                                 .eps = 1e-3F,
                                 .folded = t(folded),
                                 .shift = t(shift)});
  });
  return result;
}

}  // namespace

std::vector<Case> fold_norm_cases() {
  const Problem problems[] = {
      {.channels = 1, .depth = 1},
      {.channels = 24, .depth = 72},
      {.channels = 37, .depth = 301},
      // The expansion of ConvFirstNet-Small's widest stage.
      {.channels = 2048, .depth = 512, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) cases.push_back(fold(p));
  return cases;
}

}  // namespace cf::kernels
