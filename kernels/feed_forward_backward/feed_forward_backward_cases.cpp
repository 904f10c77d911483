#include <algorithm>
#include <cmath>

#include "kernels/all_cases.h"
#include "kernels/feed_forward_backward/feed_forward_backward.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, h, w, channels, expansion;
  float accumulate = 0;
  bool portable = false;
  int sm_limit = 0;  // 1: one block works on tile after tile
  bool benchmark_only = false;

  std::int64_t hidden() const { return expansion * channels; }
  std::int64_t pixels() const { return n * h * w; }
  std::string shape() const {
    return concat(" N=", n, " H=", h, " W=", w, " C=", channels, " E=", hidden(),
                  accumulate == 0 ? "" : " accumulate");
  }
  std::string cuda_variant() const {
    return concat(portable ? " portable" : "", sm_limit == 0 ? "" : " one SM");
  }
};

// Draws keep h, da and the gradients of a pixel near deviation 1 at any width.
Case backward(const Problem& p) {
  const std::int64_t hidden = p.hidden();
  const auto fan_in = [](double gain, std::int64_t terms) {
    return normal(0, gain / std::sqrt(static_cast<double>(terms)));
  };
  Case result("feed_forward/backward" + p.shape(), p.cuda_variant(),
              std::max({p.pixels(), hidden, p.channels}));
  const auto u = result.input("u", normal(0, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto expand = result.input("expand", fan_in(1.4, p.channels), E{hidden}, C{p.channels});
  const auto expand_bias = result.input<Element::WideT>("expand_bias", normal(0, 0.5), E{hidden});
  const auto project = result.input("project", fan_in(1, p.channels), C{p.channels}, E{hidden});
  const auto dp = result.input("dp", normal(0, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto du = result.output("du", N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto dexpand = result.output<Element::WideT>("dexpand", E{hidden}, C{p.channels});
  const auto dexpand_bias = result.output<Element::WideT>("dexpand_bias", E{hidden});
  const auto dproject = result.gradient("dproject", p.accumulate, C{p.channels}, E{hidden});
  result.flops = 2.0 * 5 * static_cast<double>(p.pixels() * p.channels) * static_cast<double>(hidden);
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    if constexpr (std::is_same_v<decltype(place), Cuda>) place.sm_limit = p.sm_limit;
    feed_forward(place, t.with_workspace(place, FeedForwardBackward<T>{.u = t(u),
                                                                       .expand = t(expand),
                                                                       .expand_bias = t(expand_bias),
                                                                       .project = t(project),
                                                                       .dp = t(dp),
                                                                       .du = t(du),
                                                                       .dexpand = t(dexpand),
                                                                       .dexpand_bias = t(dexpand_bias),
                                                                       .dproject = t(dproject),
                                                                       .accumulate = p.accumulate,
                                                                       .portable = p.portable}));
  });
  return result;
}

}  // namespace

std::vector<Case> feed_forward_backward_cases() {
  const Problem problems[] = {
      {.n = 1, .h = 1, .w = 1, .channels = 8, .expansion = 2},
      {.n = 5, .h = 1, .w = 1, .channels = 16, .expansion = 3, .accumulate = 1},
      {.n = 2, .h = 1, .w = 19, .channels = 24, .expansion = 5},
      {.n = 1, .h = 23, .w = 1, .channels = 32, .expansion = 6},
      {.n = 2, .h = 5, .w = 13, .channels = 40, .expansion = 4, .accumulate = 1},
      {.n = 3, .h = 9, .w = 7, .channels = 64, .expansion = 6, .accumulate = 1},
      {.n = 1, .h = 7, .w = 5, .channels = 72, .expansion = 3},
      {.n = 2, .h = 3, .w = 5, .channels = 96, .expansion = 6},
      {.n = 1, .h = 5, .w = 7, .channels = 128, .expansion = 6, .accumulate = 1},
      {.n = 2, .h = 3, .w = 3, .channels = 152, .expansion = 2},
      {.n = 1, .h = 3, .w = 7, .channels = 192, .expansion = 3},
      {.n = 1, .h = 3, .w = 3, .channels = 64, .expansion = 8},
      {.n = 3, .h = 7, .w = 9, .channels = 32, .expansion = 6, .portable = true},
      {.n = 3, .h = 9, .w = 7, .channels = 64, .expansion = 6, .portable = true},
      {.n = 1, .h = 5, .w = 7, .channels = 128, .expansion = 6, .portable = true},
      // Hidden layers that do not fill the tiles they are cut into, or need more of them.
      {.n = 1, .h = 6, .w = 7, .channels = 32, .expansion = 3},
      {.n = 3, .h = 11, .w = 5, .channels = 32, .expansion = 8},
      {.n = 1, .h = 6, .w = 7, .channels = 64, .expansion = 3},
      {.n = 1, .h = 6, .w = 7, .channels = 128, .expansion = 2},
      // Tile after tile.
      {.n = 9, .h = 13, .w = 11, .channels = 8, .expansion = 4, .sm_limit = 1},
      {.n = 1, .h = 17, .w = 23, .channels = 32, .expansion = 6, .sm_limit = 1},
      {.n = 1, .h = 17, .w = 23, .channels = 32, .expansion = 6, .portable = true, .sm_limit = 1},
      {.n = 1, .h = 25, .w = 31, .channels = 64, .expansion = 2, .sm_limit = 1},
      {.n = 1, .h = 19, .w = 18, .channels = 128, .expansion = 2, .sm_limit = 1},
      // Blocks of ConvFirstNet at 224x224.
      {.n = 128, .h = 56, .w = 56, .channels = 32, .expansion = 6, .benchmark_only = true},
      {.n = 128, .h = 56, .w = 56, .channels = 64, .expansion = 6, .benchmark_only = true},
      {.n = 128, .h = 28, .w = 28, .channels = 128, .expansion = 6, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) cases.push_back(backward(p));
  return cases;
}

}  // namespace cf::kernels
