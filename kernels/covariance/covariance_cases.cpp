#include "kernels/all_cases.h"
#include "kernels/covariance/covariance.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t m, c;
  bool benchmark_only = false;
  bool forward_only = false;
  int sm_limit = 0;  // 1: the backward pass goes from rows to rows many times

  std::string cuda_variant() const { return sm_limit == 0 ? "" : " one SM"; }
  std::string text() const { return concat(" M=", m, " C=", c); }
  double flops() const { return 2.0 * static_cast<double>(m * c * c); }
};

Case forward(const Problem& p) {
  Case result("covariance/forward" + p.text(), p.m);
  const auto x = result.input("x", normal(0.2, 1), M{p.m}, C{p.c});
  const auto mean = result.output<Element::WideT>("mean", C{p.c});
  const auto matrix = result.output<Element::WideT>("covariance", C{p.c}, K{p.c});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    covariance(place, t.with_workspace(
                          place, Covariance<T>{
                                     .x = t(x), .mean = t(mean), .covariance = t(matrix), .workspace = {}}));
  });
  return result;
}

// dmean and dcovariance are sums over M rows: what they add to dx is of the size of one row's.
Draw symmetric(std::int64_t channels, double deviation) {
  return [=](Philox& random, std::span<double> values) {
    const auto at = [&](std::int64_t i, std::int64_t j) -> double& {
      return values[static_cast<std::size_t>(i * channels + j)];
    };
    for (std::int64_t i = 0; i < channels; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        at(i, j) = at(j, i) = deviation * static_cast<double>(random.normal());
      }
    }
  };
}

Case backward(const Problem& p) {
  Case result("covariance/backward" + p.text(), p.cuda_variant(), p.c);
  const auto rows = static_cast<double>(p.m);
  const auto x = result.input("x", normal(0.2, 1), M{p.m}, C{p.c});
  const auto mean = result.input<Element::WideT>("mean", normal(0.2, 0.1), C{p.c});
  const auto dmean = result.input<Element::WideT>("dmean", normal(0, 0.3 * rows), C{p.c});
  const auto dmatrix =
      result.input<Element::WideT>("dcovariance", symmetric(p.c, 0.1 * rows), C{p.c}, K{p.c});
  const auto dx = result.inout("dx", normal(0, 1), M{p.m}, C{p.c});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=, sm_limit = p.sm_limit](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    if constexpr (std::is_same_v<decltype(place), Cuda>) place.sm_limit = sm_limit;
    covariance(place, t.with_workspace(place, CovarianceBackward<T>{.x = t(x),
                                                                    .mean = t(mean),
                                                                    .dmean = t(dmean),
                                                                    .dcovariance = t(dmatrix),
                                                                    .dx = t(dx),
                                                                    .workspace = {}}));
  });
  return result;
}

}  // namespace

std::vector<Case> covariance_cases() {
  const Problem problems[] = {
      {.m = 5, .c = 8},
      {.m = 37, .c = 24},
      {.m = 1031, .c = 40},
      {.m = 515, .c = 64},
      {.m = 300, .c = 136},
      // Every padded width of the backward pass.
      {.m = 70, .c = 96},
      {.m = 45, .c = 128},
      {.m = 33, .c = 192},
      // Sums over several slices, of one panel of channels and of two; more slices than are added at a time,
      // and the backward pass going from rows to rows.
      {.m = 5003, .c = 8},
      {.m = 4133, .c = 72},
      {.m = 40'009, .c = 8},
      {.m = 2011, .c = 32, .sm_limit = 1},
      {.m = 1500, .c = 64, .sm_limit = 1},
      {.m = 1031, .c = 128, .sm_limit = 1},
      {.m = 777, .c = 184, .sm_limit = 1},
      // More channels than the backward pass takes, as behind the input of an MBConv block.
      {.m = 67, .c = 264, .forward_only = true},
      // The ConvFirst stages of ConvFirstNet-Small and the first one of Nano, at batch 128 and 224 pixels.
      {.m = 401'408, .c = 32, .benchmark_only = true},
      {.m = 401'408, .c = 64, .benchmark_only = true},
      {.m = 100'352, .c = 128, .benchmark_only = true},
      // The MBConv stages of Small.
      {.m = 25'088, .c = 256, .benchmark_only = true, .forward_only = true},
      {.m = 6'272, .c = 512, .benchmark_only = true, .forward_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(forward(p));
    if (!p.forward_only) cases.push_back(backward(p));
  }
  return cases;
}

}  // namespace cf::kernels
