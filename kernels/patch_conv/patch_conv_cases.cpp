#include "kernels/all_cases.h"
#include "kernels/patch_conv/patch_conv.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, h, w, c, k, r, s;
  int sm_limit = 0;  // of the forward pass in 16-bit types; 1: its few warps work on tile after tile
  bool benchmark_only = false;

  std::int64_t p() const { return h / r; }
  std::int64_t q() const { return w / s; }
  std::string text() const {
    return concat(" N=", n, " H=", h, " W=", w, " C=", c, " K=", k, " R=", r, " S=", s,
                  sm_limit == 0 ? "" : " one SM");
  }
  double flops() const {
    return 2.0 * static_cast<double>(n * p() * q() * k) * static_cast<double>(r * s * c);
  }
};

Case forward(const Problem& p, bool with_bias) {
  Case result(concat("patch_conv/forward", p.text(), with_bias ? " bias" : ""), p.r * p.s * p.c);
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.k}, R{p.r}, S{p.s}, C{p.c});
  CaseHandle<Element::T, false, K> bias;
  if (with_bias) bias = result.input("bias", normal(0, 1), K{p.k});
  const auto y = result.output("y", N{p.n}, P{p.p()}, Q{p.q()}, K{p.k});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=, sm_limit = p.sm_limit](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    if constexpr (std::is_same_v<decltype(place), Cuda> && !std::is_same_v<T, float>) {
      place.sm_limit = sm_limit;
    }
    patch_conv(place,
               t.with_workspace(
                   place, PatchConvForward<T>{.x = t(x), .weight = t(weight), .bias = t(bias), .y = t(y)}));
  });
  return result;
}

Case backward_input(const Problem& p) {
  Case result("patch_conv/backward_input" + p.text(), p.k);
  const auto dy = result.input("dy", normal(0, 1), N{p.n}, P{p.p()}, Q{p.q()}, K{p.k});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.k}, R{p.r}, S{p.s}, C{p.c});
  const auto dx = result.output("dx", N{p.n}, H{p.h}, W{p.w}, C{p.c});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    patch_conv(place, t.with_workspace(
                          place, PatchConvBackwardInput<T>{.dy = t(dy), .weight = t(weight), .dx = t(dx)}));
  });
  return result;
}

Case backward_weight(const Problem& p, float accumulate) {
  Case result(concat("patch_conv/backward_weight", p.text(), accumulate == 0 ? "" : " accumulate"),
              p.n * p.p() * p.q());
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.c});
  const auto dy = result.input("dy", normal(0, 1), N{p.n}, P{p.p()}, Q{p.q()}, K{p.k});
  const auto dweight = result.gradient("dweight", accumulate, K{p.k}, R{p.r}, S{p.s}, C{p.c});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    patch_conv(place,
               t.with_workspace(
                   place, PatchConvBackwardWeight<T>{
                              .x = t(x), .dy = t(dy), .dweight = t(dweight), .accumulate = accumulate}));
  });
  return result;
}

}  // namespace

std::vector<Case> patch_conv_cases() {
  const Problem problems[] = {
      {.n = 1, .h = 2, .w = 2, .c = 1, .k = 1, .r = 2, .s = 2},
      {.n = 3, .h = 9, .w = 7, .c = 5, .k = 12, .r = 2, .s = 2},
      {.n = 2, .h = 11, .w = 19, .c = 3, .k = 16, .r = 4, .s = 4},
      {.n = 3, .h = 21, .w = 22, .c = 3, .k = 32, .r = 4, .s = 4},
      {.n = 2, .h = 9, .w = 14, .c = 1, .k = 64, .r = 2, .s = 2},
      {.n = 5, .h = 34, .w = 29, .c = 3, .k = 64, .r = 2, .s = 2},
      {.n = 5, .h = 4, .w = 13, .c = 24, .k = 40, .r = 2, .s = 2},
      {.n = 1, .h = 1, .w = 6, .c = 8, .k = 3, .r = 1, .s = 3},
      {.n = 9, .h = 16, .w = 17, .c = 9, .k = 8, .r = 2, .s = 2},
      {.n = 3, .h = 61, .w = 54, .c = 3, .k = 32, .r = 4, .s = 4, .sm_limit = 1},
      {.n = 2, .h = 37, .w = 30, .c = 1, .k = 64, .r = 2, .s = 2, .sm_limit = 1},
      {.n = 3, .h = 10, .w = 14, .c = 32, .k = 64, .r = 2, .s = 2},
      {.n = 4, .h = 9, .w = 7, .c = 24, .k = 96, .r = 2, .s = 2},
      {.n = 2, .h = 13, .w = 12, .c = 16, .k = 32, .r = 3, .s = 3},
      {.n = 2, .h = 29, .w = 45, .c = 8, .k = 32, .r = 2, .s = 2, .sm_limit = 1},
      {.n = 2, .h = 40, .w = 26, .c = 40, .k = 160, .r = 2, .s = 2, .sm_limit = 1},
      // ConvFirstNet-Pico at batch 128: stem and three steps.
      {.n = 128, .h = 32, .w = 32, .c = 1, .k = 16, .r = 2, .s = 2, .benchmark_only = true},
      {.n = 128, .h = 16, .w = 16, .c = 16, .k = 24, .r = 2, .s = 2, .benchmark_only = true},
      {.n = 128, .h = 8, .w = 8, .c = 24, .k = 40, .r = 2, .s = 2, .benchmark_only = true},
      {.n = 128, .h = 4, .w = 4, .c = 40, .k = 64, .r = 2, .s = 2, .benchmark_only = true},
      // ConvFirstNet-Small at batch 128 and 224 pixels: stem and three steps; Nano's stem.
      {.n = 128, .h = 224, .w = 224, .c = 3, .k = 64, .r = 4, .s = 4, .benchmark_only = true},
      {.n = 128, .h = 56, .w = 56, .c = 64, .k = 128, .r = 2, .s = 2, .benchmark_only = true},
      {.n = 128, .h = 28, .w = 28, .c = 128, .k = 256, .r = 2, .s = 2, .benchmark_only = true},
      {.n = 128, .h = 14, .w = 14, .c = 256, .k = 512, .r = 2, .s = 2, .benchmark_only = true},
      {.n = 128, .h = 224, .w = 224, .c = 3, .k = 32, .r = 4, .s = 4, .benchmark_only = true},
      // A stem of 2x2 for images of 128 pixels.
      {.n = 128, .h = 128, .w = 128, .c = 3, .k = 64, .r = 2, .s = 2, .benchmark_only = true},
      // The steps at batch 1.
      {.n = 1, .h = 56, .w = 56, .c = 64, .k = 128, .r = 2, .s = 2, .benchmark_only = true},
      {.n = 1, .h = 28, .w = 28, .c = 128, .k = 256, .r = 2, .s = 2, .benchmark_only = true},
      {.n = 1, .h = 14, .w = 14, .c = 256, .k = 512, .r = 2, .s = 2, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(forward(p, false));
    if (!p.benchmark_only) cases.push_back(forward(p, true));
    if (p.sm_limit != 0) continue;
    cases.push_back(backward_input(p));
    cases.push_back(backward_weight(p, 0));
    if (!p.benchmark_only) cases.push_back(backward_weight(p, 1));
  }
  return cases;
}

}  // namespace cf::kernels
