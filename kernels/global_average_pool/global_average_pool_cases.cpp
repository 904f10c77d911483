#include "kernels/all_cases.h"
#include "kernels/global_average_pool/global_average_pool.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, h, w, c;
  bool benchmark_only = false;

  std::string text() const { return concat(" N=", n, " H=", h, " W=", w, " C=", c); }
};

Case forward(const Problem& p) {
  Case result("global_average_pool/forward" + p.text(), p.h * p.w);
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto y = result.output("y", N{p.n}, C{p.c});
  result.flops = static_cast<double>(p.n * p.h * p.w * p.c);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    global_average_pool(place, GlobalAveragePoolForward<T>{.x = t(x), .y = t(y)});
  });
  return result;
}

Case backward(const Problem& p) {
  Case result("global_average_pool/backward" + p.text(), 1);
  const auto dy = result.input("dy", normal(0, 1), N{p.n}, C{p.c});
  const auto dx = result.output("dx", N{p.n}, H{p.h}, W{p.w}, C{p.c});
  result.flops = static_cast<double>(p.n * p.c);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    global_average_pool(place, GlobalAveragePoolBackward<T>{.dy = t(dy), .dx = t(dx)});
  });
  return result;
}

}  // namespace

std::vector<Case> global_average_pool_cases() {
  const Problem problems[] = {
      {.n = 1, .h = 1, .w = 1, .c = 1},
      {.n = 3, .h = 5, .w = 7, .c = 13},
      {.n = 40, .h = 12, .w = 9, .c = 24},
      // ConvFirstNet-Pico at batch 128; ConvFirstNet-Small's last stage.
      {.n = 128, .h = 2, .w = 2, .c = 64, .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .c = 512, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(forward(p));
    cases.push_back(backward(p));
  }
  return cases;
}

}  // namespace cf::kernels
