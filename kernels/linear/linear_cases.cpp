#include "kernels/all_cases.h"
#include "kernels/linear/linear.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t m, c, k;
  bool bias = false;
  bool benchmark_only = false;
  bool statistics = false;
  int sm_limit = 0;        // 1: a few blocks work on tile after tile
  double weight_mean = 0;  // far from 0: so is y, by many deviations

  std::string text() const { return concat(" M=", m, " C=", c, " K=", k, bias ? " bias" : ""); }
  std::string forward_text() const {
    return concat(statistics ? "/forward/statistics" : "/forward", text(),
                  weight_mean == 0 ? "" : " far from zero");
  }
  std::string cuda_variant() const { return sm_limit == 0 ? "" : " one SM"; }
  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(c) * static_cast<double>(k);
  }
};

Case forward(const Problem& p) {
  Case result("linear" + p.forward_text(), p.cuda_variant(), p.c);
  const auto x = result.input("x", normal(0.5, 1), M{p.m}, C{p.c});
  const auto weight = result.input("weight", normal(p.weight_mean, 0.2), K{p.k}, C{p.c});
  CaseHandle<Element::WideT, false, K> bias;
  if (p.bias) bias = result.input<Element::WideT>("bias", normal(0, 1), K{p.k});
  const auto y = result.output("y", M{p.m}, K{p.k});
  const auto statistics = p.statistics ? p.k : 0;
  const auto mean = result.output<Element::WideT>("mean", K{statistics});
  const auto variance = result.output<Element::WideT>("variance", K{statistics});
  result.rounds_inside = p.statistics;
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=, sm_limit = p.sm_limit, wanted = p.statistics](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    if constexpr (std::is_same_v<decltype(place), Cuda>) place.sm_limit = sm_limit;
    const View<Wide<T>, K> none;
    linear(place, t.with_workspace(place, LinearForward<T>{.x = t(x),
                                                           .weight = t(weight),
                                                           .bias = t(bias),
                                                           .y = t(y),
                                                           .mean = wanted ? t(mean) : none,
                                                           .variance = wanted ? t(variance) : none,
                                                           .workspace = {}}));
  });
  return result;
}

Case backward_input(const Problem& p, bool adds) {
  Case result(concat("linear/backward_input", adds ? "_plus" : "", p.text()), p.k + (adds ? 1 : 0));
  const auto dy = result.input("dy", normal(0, 1), M{p.m}, K{p.k});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.k}, C{p.c});
  CaseHandle<Element::T, false, M, C> added;
  if (adds) added = result.input("added", normal(0.5, 1), M{p.m}, C{p.c});
  const auto dx = result.output("dx", M{p.m}, C{p.c});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    linear(place,
           t.with_workspace(place, LinearBackwardInput<T>{
                                       .dy = t(dy), .weight = t(weight), .added = t(added), .dx = t(dx)}));
  });
  return result;
}

Case backward_weight(const Problem& p, float accumulate) {
  Case result(concat("linear/backward_weight", p.text(), accumulate == 0 ? "" : " accumulate"), p.m);
  const auto x = result.input("x", normal(0.5, 1), M{p.m}, C{p.c});
  const auto dy = result.input("dy", normal(0, 1), M{p.m}, K{p.k});
  const auto dweight = result.gradient("dweight", accumulate, K{p.k}, C{p.c});
  CaseHandle<Element::WideT, true, K> dbias;
  if (p.bias) dbias = result.gradient("dbias", accumulate, K{p.k});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    linear(place, t.with_workspace(place, LinearBackwardWeight<T>{.x = t(x),
                                                                  .dy = t(dy),
                                                                  .dweight = t(dweight),
                                                                  .dbias = t(dbias),
                                                                  .accumulate = accumulate}));
  });
  return result;
}

}  // namespace

std::vector<Case> linear_cases() {
  const Problem problems[] = {
      {.m = 1, .c = 1, .k = 1},
      {.m = 1, .c = 16, .k = 10, .bias = true},
      {.m = 37, .c = 24, .k = 96},
      {.m = 131, .c = 96, .k = 24, .bias = true},
      {.m = 1031, .c = 40, .k = 33, .bias = true},
      {.m = 600, .c = 7, .k = 72},
      {.m = 65, .c = 130, .k = 5},
      {.m = 150, .c = 301, .k = 500, .bias = true},
      {.m = 5003, .c = 24, .k = 72},
      // ConvFirstNet-Pico at batch 128: expand and project of its four stages, the head, the classifier.
      {.m = 32768, .c = 16, .k = 64, .benchmark_only = true},
      {.m = 32768, .c = 64, .k = 16, .benchmark_only = true},
      {.m = 8192, .c = 24, .k = 96, .benchmark_only = true},
      {.m = 8192, .c = 96, .k = 24, .benchmark_only = true},
      {.m = 2048, .c = 40, .k = 160, .benchmark_only = true},
      {.m = 2048, .c = 160, .k = 40, .benchmark_only = true},
      {.m = 512, .c = 64, .k = 256, .benchmark_only = true},
      {.m = 512, .c = 256, .k = 64, .benchmark_only = true},
      {.m = 128, .c = 64, .k = 256, .benchmark_only = true},
      {.m = 128, .c = 256, .k = 10, .bias = true, .benchmark_only = true},
      // ConvFirstNet-Small at batch 128 and 224 pixels: expand and project of its four stages, the head, the
      // classifier; the first stage of Nano.
      {.m = 401'408, .c = 64, .k = 384, .benchmark_only = true},
      {.m = 401'408, .c = 384, .k = 64, .benchmark_only = true},
      {.m = 100'352, .c = 128, .k = 768, .benchmark_only = true},
      {.m = 100'352, .c = 768, .k = 128, .benchmark_only = true},
      {.m = 25'088, .c = 256, .k = 1024, .benchmark_only = true},
      {.m = 25'088, .c = 1024, .k = 256, .benchmark_only = true},
      {.m = 6272, .c = 512, .k = 2048, .benchmark_only = true},
      {.m = 6272, .c = 2048, .k = 512, .benchmark_only = true},
      {.m = 128, .c = 512, .k = 1280, .benchmark_only = true},
      {.m = 128, .c = 1280, .k = 1000, .bias = true, .benchmark_only = true},
      {.m = 50'176, .c = 1024, .k = 256, .benchmark_only = true},
      {.m = 12'544, .c = 2048, .k = 512, .benchmark_only = true},
      {.m = 401'408, .c = 32, .k = 192, .benchmark_only = true},
      {.m = 401'408, .c = 192, .k = 32, .benchmark_only = true},
  };
  const Problem with_statistics[] = {
      {.m = 37, .c = 24, .k = 96, .statistics = true},
      {.m = 131, .c = 96, .k = 24, .statistics = true, .weight_mean = 1},
      // At the store: fewer rows than a tile, several tiles, blocks of several.
      {.m = 3, .c = 128, .k = 128, .statistics = true},
      {.m = 300, .c = 256, .k = 128, .statistics = true},
      {.m = 129, .c = 192, .k = 256, .statistics = true, .weight_mean = 1},
      {.m = 129, .c = 192, .k = 256, .bias = true, .statistics = true},
      {.m = 270, .c = 384, .k = 128, .statistics = true},
      {.m = 517, .c = 512, .k = 128, .statistics = true, .sm_limit = 1},
      {.m = 700, .c = 256, .k = 256, .statistics = true, .sm_limit = 1, .weight_mean = 1},
      // Expansions of ConvFirstNet-Small's MBConv blocks at batch 256 and 224 pixels.
      {.m = 50'176, .c = 256, .k = 1024, .benchmark_only = true, .statistics = true},
      {.m = 12'544, .c = 512, .k = 2048, .benchmark_only = true, .statistics = true},
      {.m = 50'176, .c = 256, .k = 1024, .benchmark_only = true},
      {.m = 12'544, .c = 512, .k = 2048, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : with_statistics) cases.push_back(forward(p));
  for (const Problem& p : problems) {
    cases.push_back(forward(p));
    cases.push_back(backward_input(p, false));
    if (!p.benchmark_only || p.c < p.k) cases.push_back(backward_input(p, true));
    cases.push_back(backward_weight(p, 0));
    if (!p.benchmark_only) cases.push_back(backward_weight(p, 1));
  }
  return cases;
}

}  // namespace cf::kernels
