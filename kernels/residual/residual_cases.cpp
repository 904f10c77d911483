#include "kernels/all_cases.h"
#include "kernels/residual/residual.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, h, w, c;
  std::int64_t kept;  // samples of the branch; 0: all, without a list
  bool benchmark_only = false;

  std::string text() const {
    return concat(" N=", n, " H=", h, " W=", w, " C=", c, kept == 0 ? "" : concat(" kept=", kept));
  }
  std::int64_t branch_samples() const { return kept == 0 ? n : kept; }
  float factor() const { return static_cast<float>(n) / static_cast<float>(branch_samples()); }
};

using KeptHandle = CaseHandle<Element::Int64, false, N>;

KeptHandle kept_of(Case& c, const Problem& p) {
  return p.kept == 0 ? KeptHandle{} : c.input<Element::Int64>("kept", ascending_subset(p.n), N{p.kept});
}

Case sum(const Problem& p) {
  Case result(concat("residual/sum", p.text()), 3);
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto branch = result.input("branch", normal(0.5, 1), N{p.branch_samples()}, H{p.h}, W{p.w}, C{p.c});
  const auto scale = result.input<Element::WideT>("scale", normal(0, 1), C{p.c});
  const auto shift = result.input<Element::WideT>("shift", normal(0, 1), C{p.c});
  const auto kept = kept_of(result, p);
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, C{p.c});
  result.may_alias(y, x);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    residual(place, ResidualSum<ElementOf<decltype(t)>>{.x = t(x),
                                                        .branch = t(branch),
                                                        .scale = t(scale),
                                                        .shift = t(shift),
                                                        .kept = t(kept),
                                                        .factor = p.factor(),
                                                        .y = t(y)});
  });
  return result;
}

Case gather(const Problem& p) {
  Case result(concat("residual/gather", p.text()), 1);
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto kept = kept_of(result, p);
  const auto y = result.output("y", N{p.kept}, H{p.h}, W{p.w}, C{p.c});
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    residual(place, GatherSamples<ElementOf<decltype(t)>>{
                        .x = t(x), .kept = t(kept), .factor = p.factor(), .y = t(y)});
  });
  return result;
}

Case scatter_add(const Problem& p) {
  Case result(concat("residual/scatter_add", p.text()), 1);
  const auto x = result.input("x", normal(0.5, 1), N{p.branch_samples()}, H{p.h}, W{p.w}, C{p.c});
  const auto kept = kept_of(result, p);
  const auto y = result.inout("y", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    residual(place, ScatterAddSamples<ElementOf<decltype(t)>>{.x = t(x), .kept = t(kept), .y = t(y)});
  });
  return result;
}

}  // namespace

std::vector<Case> residual_cases() {
  const Problem problems[] = {
      {.n = 1, .h = 1, .w = 1, .c = 1, .kept = 0},
      {.n = 3, .h = 5, .w = 7, .c = 24, .kept = 0},
      {.n = 5, .h = 5, .w = 3, .c = 24, .kept = 3},
      {.n = 9, .h = 13, .w = 11, .c = 33, .kept = 4},
      {.n = 4, .h = 2, .w = 3, .c = 7, .kept = 4},
      {.n = 6, .h = 17, .w = 19, .c = 16, .kept = 1},
      // ConvFirstNet-Pico at batch 128: its first and last stage.
      {.n = 128, .h = 16, .w = 16, .c = 16, .kept = 0, .benchmark_only = true},
      {.n = 128, .h = 16, .w = 16, .c = 16, .kept = 115, .benchmark_only = true},
      {.n = 128, .h = 2, .w = 2, .c = 64, .kept = 0, .benchmark_only = true},
      // ConvFirstNet-Small at batch 256: its four stages.
      {.n = 256, .h = 56, .w = 56, .c = 64, .kept = 250, .benchmark_only = true},
      {.n = 256, .h = 28, .w = 28, .c = 128, .kept = 245, .benchmark_only = true},
      {.n = 256, .h = 14, .w = 14, .c = 256, .kept = 240, .benchmark_only = true},
      {.n = 256, .h = 7, .w = 7, .c = 512, .kept = 231, .benchmark_only = true},
      // ConvFirstNet-Small at batch 128 and 224 pixels: its four stages, the last one with stochastic depth
      // too; the first stage of Nano.
      {.n = 128, .h = 56, .w = 56, .c = 64, .kept = 0, .benchmark_only = true},
      {.n = 128, .h = 28, .w = 28, .c = 128, .kept = 0, .benchmark_only = true},
      {.n = 128, .h = 14, .w = 14, .c = 256, .kept = 0, .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .c = 512, .kept = 0, .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .c = 512, .kept = 115, .benchmark_only = true},
      {.n = 128, .h = 56, .w = 56, .c = 32, .kept = 0, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(sum(p));
    cases.push_back(scatter_add(p));
    if (p.kept != 0) cases.push_back(gather(p));
  }
  return cases;
}

}  // namespace cf::kernels
