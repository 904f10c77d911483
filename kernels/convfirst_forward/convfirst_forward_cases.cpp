#include <cmath>

#include "kernels/all_cases.h"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels {

namespace {

// Shared memory of a block on Ampere and Ada GPUs of compute capability 8.6 and 8.9.
constexpr std::int64_t kSmallSharedMemory = 99 * 1024;

struct Problem {
  std::int64_t n, h, w, channels, expansion;
  std::int64_t shared_memory_limit = 0;
  bool portable = false;
  int sm_limit = 0;  // 1: a few warps work on tile after tile
  bool benchmark_only = false;

  std::int64_t hidden() const { return expansion * channels; }
  std::string shape() const { return concat(" N=", n, " H=", h, " W=", w, " C=", channels, " E=", hidden()); }
  std::string cuda_variant() const {
    return concat(portable ? " portable" : "", shared_memory_limit == 0 ? "" : " 99 KB",
                  sm_limit == 0 ? "" : " one SM");
  }
  double flops() const {
    return 2.0 * static_cast<double>(n * h * w * channels) *
           static_cast<double>(9 * kGroupWidth + 2 * hidden());
  }
};

// Draws keep u, h and the branch near deviation 1 at any width; the biases are of the same size.
Case forward(const Problem& p) {
  const std::int64_t filter = 9 * kGroupWidth, hidden = p.hidden();
  const auto fan_in = [](double gain, std::int64_t terms) {
    return normal(0, gain / std::sqrt(static_cast<double>(terms)));
  };
  Case result("convfirst/forward" + p.shape(), p.cuda_variant(), filter + p.channels + hidden);
  const auto x = result.input("x", normal(0.3, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto conv = result.input("conv", fan_in(1, filter), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto conv_bias = result.input<Element::WideT>("conv_bias", normal(0.2, 0.5), C{p.channels});
  const auto expand = result.input("expand", fan_in(1.4, p.channels), E{hidden}, C{p.channels});
  const auto expand_bias = result.input<Element::WideT>("expand_bias", normal(0, 0.5), E{hidden});
  const auto project = result.input("project", fan_in(1, hidden), C{p.channels}, E{hidden});
  const auto project_bias = result.input<Element::WideT>("project_bias", normal(0, 0.5), C{p.channels});
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=, limit = p.shared_memory_limit, portable = p.portable,
                                  sm_limit = p.sm_limit](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    if constexpr (std::is_same_v<decltype(place), Cuda>) place.sm_limit = sm_limit;
    convfirst(place, t.with_workspace(place, ConvFirstForward<T>{.x = t(x),
                                                                 .conv = t(conv),
                                                                 .conv_bias = t(conv_bias),
                                                                 .expand = t(expand),
                                                                 .expand_bias = t(expand_bias),
                                                                 .project = t(project),
                                                                 .project_bias = t(project_bias),
                                                                 .y = t(y),
                                                                 .shared_memory_limit = limit,
                                                                 .portable = portable}));
  });
  return result;
}

}  // namespace

std::vector<Case> convfirst_forward_cases() {
  const Problem problems[] = {
      {.n = 1, .h = 1, .w = 1, .channels = 8, .expansion = 2},
      {.n = 5, .h = 1, .w = 1, .channels = 16, .expansion = 3},
      {.n = 2, .h = 1, .w = 19, .channels = 24, .expansion = 5},
      {.n = 1, .h = 23, .w = 1, .channels = 32, .expansion = 6},
      {.n = 3, .h = 7, .w = 9, .channels = 32, .expansion = 6},
      {.n = 2, .h = 5, .w = 13, .channels = 40, .expansion = 4},
      {.n = 1, .h = 11, .w = 8, .channels = 48, .expansion = 8},
      {.n = 3, .h = 9, .w = 7, .channels = 64, .expansion = 6},
      {.n = 1, .h = 7, .w = 5, .channels = 72, .expansion = 3},
      {.n = 2, .h = 3, .w = 5, .channels = 96, .expansion = 6},
      {.n = 1, .h = 5, .w = 7, .channels = 128, .expansion = 6},
      {.n = 2, .h = 3, .w = 3, .channels = 152, .expansion = 2},
      {.n = 1, .h = 3, .w = 7, .channels = 192, .expansion = 4},
      {.n = 3, .h = 7, .w = 9, .channels = 32, .expansion = 6, .portable = true},
      {.n = 3, .h = 9, .w = 7, .channels = 64, .expansion = 6, .portable = true},
      {.n = 1, .h = 5, .w = 7, .channels = 128, .expansion = 6, .portable = true},
      // Whole patches of 8x8 pixels: the Hopper route's other tiles.
      {.n = 3, .h = 8, .w = 16, .channels = 64, .expansion = 6},
      {.n = 2, .h = 24, .w = 8, .channels = 64, .expansion = 4, .sm_limit = 1},
      {.n = 5, .h = 8, .w = 8, .channels = 32, .expansion = 4},
      {.n = 3, .h = 16, .w = 24, .channels = 32, .expansion = 6, .sm_limit = 1},
      // A hidden layer that fills half a chunk, and one that fits a ring.
      {.n = 1, .h = 6, .w = 7, .channels = 32, .expansion = 3},
      {.n = 1, .h = 6, .w = 7, .channels = 128, .expansion = 2},
      // Rows longer than a tile, images smaller than one.
      {.n = 1, .h = 3, .w = 600, .channels = 16, .expansion = 2},
      {.n = 67, .h = 2, .w = 3, .channels = 32, .expansion = 2},
      // Tile after tile, with the weights at hand and through the ring of three slots.
      {.n = 9, .h = 13, .w = 19, .channels = 8, .expansion = 4, .sm_limit = 1},
      {.n = 2, .h = 27, .w = 29, .channels = 32, .expansion = 6, .sm_limit = 1},
      {.n = 2, .h = 27, .w = 29, .channels = 32, .expansion = 6, .portable = true, .sm_limit = 1},
      {.n = 1, .h = 25, .w = 43, .channels = 64, .expansion = 6, .sm_limit = 1},
      {.n = 1, .h = 25, .w = 43, .channels = 64, .expansion = 6, .portable = true, .sm_limit = 1},
      {.n = 1, .h = 19, .w = 27, .channels = 128, .expansion = 6, .sm_limit = 1},
      {.n = 1, .h = 19, .w = 27, .channels = 128, .expansion = 6, .portable = true, .sm_limit = 1},
      {.n = 2, .h = 7, .w = 60, .channels = 128, .expansion = 4, .sm_limit = 2},
      // As on a GPU with less shared memory: rings of three slots and of two, small teams.
      {.n = 1,
       .h = 9,
       .w = 60,
       .channels = 32,
       .expansion = 6,
       .shared_memory_limit = kSmallSharedMemory,
       .portable = true},
      {.n = 1,
       .h = 5,
       .w = 75,
       .channels = 64,
       .expansion = 6,
       .shared_memory_limit = kSmallSharedMemory,
       .portable = true,
       .sm_limit = 1},
      {.n = 3,
       .h = 5,
       .w = 11,
       .channels = 128,
       .expansion = 6,
       .shared_memory_limit = kSmallSharedMemory,
       .portable = true,
       .sm_limit = 1},
      {.n = 1,
       .h = 2,
       .w = 90,
       .channels = 192,
       .expansion = 2,
       .shared_memory_limit = kSmallSharedMemory,
       .portable = true,
       .sm_limit = 1},
      // Blocks of ConvFirstNet at 224x224.
      {.n = 128, .h = 56, .w = 56, .channels = 32, .expansion = 6, .benchmark_only = true},
      {.n = 128, .h = 56, .w = 56, .channels = 64, .expansion = 6, .benchmark_only = true},
      {.n = 128, .h = 28, .w = 28, .channels = 128, .expansion = 6, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) cases.push_back(forward(p));
  return cases;
}

}  // namespace cf::kernels
