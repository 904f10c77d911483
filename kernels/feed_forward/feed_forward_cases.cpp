#include <cmath>

#include "kernels/all_cases.h"
#include "kernels/feed_forward/feed_forward.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t m, channels, expansion;
  bool portable = false;
  int sm_limit = 0;  // 1: a few warps work on tile after tile
  bool benchmark_only = false;
  bool statistics = false;
  double bias = 0;  // of the hidden channels, on average: p is so many deviations from zero, about

  std::int64_t hidden() const { return expansion * channels; }
  std::string shape() const {
    return concat(statistics ? "/statistics" : "", " M=", m, " C=", channels, " E=", hidden(),
                  bias == 0 ? "" : " far from zero");
  }
  std::string cuda_variant() const {
    return concat(portable ? " portable" : "", sm_limit == 0 ? "" : " one SM");
  }
};

// Draws keep u, h and p near deviation 1 at any width.
Case forward(const Problem& p) {
  const std::int64_t hidden = p.hidden();
  const auto fan_in = [](double gain, std::int64_t terms) {
    return normal(0, gain / std::sqrt(static_cast<double>(terms)));
  };
  Case result("feed_forward" + p.shape(), p.cuda_variant(), p.channels + hidden);
  const auto u = result.input("u", normal(0.2, 1), M{p.m}, C{p.channels});
  const auto expand = result.input("expand", fan_in(1.4, p.channels), E{hidden}, C{p.channels});
  const auto bias = result.input<Element::WideT>("expand_bias", normal(p.bias, 0.5), E{hidden});
  const auto project = result.input("project", fan_in(1, hidden), C{p.channels}, E{hidden});
  const auto out = result.output("p", M{p.m}, C{p.channels});
  const auto statistics = p.statistics ? p.channels : 0;
  const auto mean = result.output<Element::WideT>("mean", C{statistics});
  const auto variance = result.output<Element::WideT>("variance", C{statistics});
  result.rounds_inside = p.statistics;
  result.flops = 4.0 * static_cast<double>(p.m * p.channels * hidden);
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits(
      [=, portable = p.portable, sm_limit = p.sm_limit, wanted = p.statistics](auto place, const auto& t) {
        using T = ElementOf<decltype(t)>;
        if constexpr (std::is_same_v<decltype(place), Cuda>) place.sm_limit = sm_limit;
        const View<Wide<T>, C> none;
        feed_forward(place, t.with_workspace(place, FeedForward<T>{.u = t(u),
                                                                   .expand = t(expand),
                                                                   .expand_bias = t(bias),
                                                                   .project = t(project),
                                                                   .p = t(out),
                                                                   .mean = wanted ? t(mean) : none,
                                                                   .variance = wanted ? t(variance) : none,
                                                                   .workspace = {},
                                                                   .portable = portable}));
      });
  return result;
}

}  // namespace

std::vector<Case> feed_forward_cases() {
  const Problem problems[] = {
      {.m = 1, .channels = 8, .expansion = 2},
      {.m = 95, .channels = 16, .expansion = 3},
      {.m = 131, .channels = 32, .expansion = 6},
      {.m = 203, .channels = 40, .expansion = 4},
      {.m = 317, .channels = 64, .expansion = 6},
      {.m = 129, .channels = 128, .expansion = 6},
      {.m = 67, .channels = 192, .expansion = 2},
      {.m = 131, .channels = 32, .expansion = 6, .portable = true},
      {.m = 77, .channels = 64, .expansion = 6, .portable = true},
      {.m = 77, .channels = 128, .expansion = 4, .portable = true},
      // Tile after tile, with the weights at hand and through a ring.
      {.m = 1101, .channels = 16, .expansion = 3, .sm_limit = 1},
      {.m = 701, .channels = 32, .expansion = 6, .sm_limit = 1},
      {.m = 701, .channels = 32, .expansion = 6, .portable = true, .sm_limit = 1},
      {.m = 453, .channels = 64, .expansion = 6, .sm_limit = 1},
      {.m = 453, .channels = 64, .expansion = 6, .portable = true, .sm_limit = 1},
      {.m = 331, .channels = 128, .expansion = 4, .sm_limit = 1},
      {.m = 331, .channels = 128, .expansion = 4, .portable = true, .sm_limit = 1},
      // With statistics: warps without pixels, teams without tiles, many tiles each.
      {.m = 5, .channels = 64, .expansion = 2, .statistics = true},
      {.m = 131, .channels = 32, .expansion = 6, .statistics = true},
      {.m = 333, .channels = 64, .expansion = 6, .statistics = true, .bias = 30},
      {.m = 77, .channels = 64, .expansion = 6, .portable = true, .statistics = true},
      {.m = 701, .channels = 32, .expansion = 6, .sm_limit = 1, .statistics = true, .bias = 30},
      {.m = 453, .channels = 64, .expansion = 6, .sm_limit = 1, .statistics = true},
      {.m = 331, .channels = 128, .expansion = 4, .sm_limit = 1, .statistics = true},
      {.m = 331, .channels = 128, .expansion = 4, .statistics = true, .bias = 30},
      {.m = 401'408, .channels = 32, .expansion = 6, .benchmark_only = true, .statistics = true},
      {.m = 401'408, .channels = 64, .expansion = 6, .benchmark_only = true, .statistics = true},
      {.m = 100'352, .channels = 128, .expansion = 6, .benchmark_only = true, .statistics = true},
      // Blocks of ConvFirstNet at 224x224, batch 128.
      {.m = 401'408, .channels = 32, .expansion = 6, .benchmark_only = true},
      {.m = 401'408, .channels = 64, .expansion = 6, .benchmark_only = true},
      {.m = 100'352, .channels = 128, .expansion = 6, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) cases.push_back(forward(p));
  return cases;
}

}  // namespace cf::kernels
