#include "kernels/all_cases.h"
#include "kernels/grouped_conv/grouped_conv_backward.h"
#include "kernels/grouped_conv/grouped_conv_problem.h"

namespace cf::kernels {

namespace {

using Problem = GroupedConvProblem;

Case backward(const Problem& p, float accumulate) {
  Case result(concat("grouped_conv/backward", p.text(), accumulate == 0 ? "" : " accumulate"),
              p.n * p.h * p.w + 9 * kGroupWidth);
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto dy = result.input("dy", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto dx = result.output("dx", N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto dweight = result.gradient("dweight", accumulate, K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  result.flops = 2 * p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place, t.with_workspace(place, GroupedConvBackward<T>{.x = t(x),
                                                                       .weight = t(weight),
                                                                       .dy = t(dy),
                                                                       .dx = t(dx),
                                                                       .dweight = t(dweight),
                                                                       .accumulate = accumulate}));
  });
  return result;
}

// That of x added to the gradient of a residual sum, which it does not overwrite unless it lies there.
Case backward_plus(const Problem& p) {
  Case result(concat("grouped_conv/backward_plus", p.text()), p.n * p.h * p.w + 9 * kGroupWidth + 1);
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto dy = result.input("dy", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto added = result.input("added", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto dx = result.output("dx", N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto dweight = result.gradient("dweight", 0, K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  result.may_alias(dx, added);
  result.flops = 2 * p.flops();
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place, t.with_workspace(place, GroupedConvBackward<T>{.x = t(x),
                                                                       .weight = t(weight),
                                                                       .dy = t(dy),
                                                                       .added = t(added),
                                                                       .dx = t(dx),
                                                                       .dweight = t(dweight)}));
  });
  return result;
}

// The same in place, of all samples or of some kept ones.
Case backward_onto(const Problem& p, std::int64_t samples) {
  Case result(concat("grouped_conv/backward_onto", p.text(), " of ", samples),
              p.n * p.h * p.w + 9 * kGroupWidth + 1);
  const auto x = result.input("x", normal(0.5, 1), N{samples}, H{p.h}, W{p.w}, C{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto dy = result.input("dy", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto kept = result.input<Element::Int64>("kept", ascending_subset(samples), N{p.n});
  const auto dx = result.inout("dx", normal(0.5, 1), N{samples}, H{p.h}, W{p.w}, C{p.channels});
  const auto dweight = result.gradient("dweight", 0, K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  result.flops = 2 * p.flops();
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs([=, keeps = samples != p.n](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place, t.with_workspace(
                            place, GroupedConvBackward<T>{.x = t(x),
                                                          .kept = keeps ? View<const std::int64_t, N>(t(kept))
                                                                        : View<const std::int64_t, N>{},
                                                          .weight = t(weight),
                                                          .dy = t(dy),
                                                          .added = t(dx),
                                                          .dx = t(dx),
                                                          .dweight = t(dweight)}));
  });
  return result;
}

}  // namespace

std::vector<Case> grouped_conv_backward_cases() {
  const Problem several_tiles_a_block{.n = 270, .h = 15, .w = 1, .channels = 24};
  std::vector<Case> cases;
  for (const Problem& p : {
           Problem{.n = 1, .h = 1, .w = 1, .channels = 8},
           {.n = 2, .h = 2, .w = 2, .channels = 24},
           {.n = 3, .h = 5, .w = 7, .channels = 40},
           {.n = 1, .h = 6, .w = 19, .channels = 72},
           {.n = 5, .h = 7, .w = 7, .channels = 136},
           {.n = 1, .h = 33, .w = 18, .channels = 24},
           // ConvFirstNet-Small at batch 256 and 128: its four stages; the first one of Nano.
           {.n = 256, .h = 56, .w = 56, .channels = 64, .benchmark_only = true},
           {.n = 256, .h = 28, .w = 28, .channels = 128, .benchmark_only = true},
           {.n = 256, .h = 14, .w = 14, .channels = 1024, .benchmark_only = true},
           {.n = 256, .h = 7, .w = 7, .channels = 2048, .benchmark_only = true},
           {.n = 128, .h = 56, .w = 56, .channels = 64, .benchmark_only = true},
           {.n = 128, .h = 28, .w = 28, .channels = 128, .benchmark_only = true},
           {.n = 128, .h = 14, .w = 14, .channels = 1024, .benchmark_only = true},
           {.n = 128, .h = 7, .w = 7, .channels = 2048, .benchmark_only = true},
           {.n = 128, .h = 56, .w = 56, .channels = 32, .benchmark_only = true},
       }) {
    cases.push_back(backward(p, 0));
  }
  cases.push_back(backward(several_tiles_a_block, 1));
  const std::pair<Problem, std::int64_t> added[] = {
      {{.n = 1, .h = 1, .w = 1, .channels = 8}, 3},
      {{.n = 5, .h = 2, .w = 3, .channels = 24}, 9},
      {{.n = 5, .h = 7, .w = 7, .channels = 72}, 5},
      {{.n = 2, .h = 33, .w = 18, .channels = 40}, 4},
      {{.n = 2, .h = 17, .w = 14, .channels = 64}, 2},
      {several_tiles_a_block, 280},
      // The ConvFirst stages of ConvFirstNet-Small and Nano at batch 256.
      {{.n = 256, .h = 56, .w = 56, .channels = 64, .benchmark_only = true}, 256},
      {{.n = 241, .h = 56, .w = 56, .channels = 64, .benchmark_only = true}, 256},
      {{.n = 241, .h = 28, .w = 28, .channels = 128, .benchmark_only = true}, 256},
      {{.n = 241, .h = 56, .w = 56, .channels = 32, .benchmark_only = true}, 256},
  };
  for (const auto& [problem, samples] : added) {
    cases.push_back(backward_onto(problem, samples));
    if (problem.n == samples) cases.push_back(backward_plus(problem));
  }
  return cases;
}

}  // namespace cf::kernels
