#include "kernels/all_cases.h"
#include "kernels/batch_norm/batch_norm.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kRoundingsOfTerm = 16;  // of one element's gradient through norm and activation

struct Problem {
  std::int64_t m, c;
  bool benchmark_only = false;

  std::string text() const { return concat(" M=", m, " C=", c); }
};

Case statistics(const Problem& p, double mean_in_deviations) {
  Case result(concat("batch_norm/statistics", p.text(), " mean=", mean_in_deviations), p.m);
  const auto x = result.input("x", normal(mean_in_deviations, 1), M{p.m}, C{p.c});
  const auto mean = result.output<Element::WideT>("mean", C{p.c});
  const auto variance = result.output<Element::WideT>("variance", C{p.c});
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    batch_norm(place, t.with_workspace(place, BatchNormStatistics<T>{
                                                  .x = t(x), .mean = t(mean), .variance = t(variance)}));
  });
  return result;
}

Case fold(std::int64_t channels) {
  Case result(concat("batch_norm/fold C=", channels), 4);
  const auto mean = result.input<Element::WideT>("mean", normal(0.5, 1), C{channels});
  const auto variance = result.input<Element::WideT>("variance", uniform(0, 2), C{channels});
  const auto gamma = result.input<Element::WideT>("gamma", normal(0, 1), C{channels});
  const auto bias = result.input<Element::WideT>("bias", normal(0, 1), C{channels});
  const auto rstd = result.output<Element::WideT>("rstd", C{channels});
  const auto scale = result.output<Element::WideT>("scale", C{channels});
  const auto shift = result.output<Element::WideT>("shift", C{channels});
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    batch_norm(place, BatchNormFold<T>{.mean = t(mean),
                                       .variance = t(variance),
                                       .gamma = t(gamma),
                                       .bias = t(bias),
                                       .eps = 1e-3F,
                                       .rstd = t(rstd),
                                       .scale = t(scale),
                                       .shift = t(shift)});
  });
  return result;
}

Case training(const Problem& p, float accumulate) {
  Case result(concat("batch_norm/training", p.text(), accumulate == 0 ? "" : " accumulate"), p.m);
  const C c{p.c};
  const auto x = result.input("x", normal(3, 1), M{p.m}, c);
  const auto gamma = result.input<Element::WideT>("gamma", normal(0, 1), c);
  const auto bias = result.input<Element::WideT>("bias", normal(0, 1), c);
  const auto mean = result.output<Element::WideT>("mean", c);
  const auto variance = result.output<Element::WideT>("variance", c);
  const auto rstd = result.output<Element::WideT>("rstd", c);
  const auto scale = result.output<Element::WideT>("scale", c);
  const auto shift = result.output<Element::WideT>("shift", c);
  const auto batch_mean = result.gradient("batch_mean", accumulate, c);
  const auto batch_variance = result.gradient("batch_variance", accumulate, c);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    batch_norm(place, t.with_workspace(place, BatchNormTraining<T>{.x = t(x),
                                                                   .gamma = t(gamma),
                                                                   .bias = t(bias),
                                                                   .eps = 1e-3F,
                                                                   .mean = t(mean),
                                                                   .variance = t(variance),
                                                                   .rstd = t(rstd),
                                                                   .scale = t(scale),
                                                                   .shift = t(shift),
                                                                   .share = 0.25F,
                                                                   .accumulate = accumulate,
                                                                   .batch_mean = t(batch_mean),
                                                                   .batch_variance = t(batch_variance)}));
  });
  return result;
}

// The same of given statistics.
Case training_of_given(const Problem& p, float accumulate) {
  Case result(concat("batch_norm/training_of_given", p.text(), accumulate == 0 ? "" : " accumulate"), 4);
  const C c{p.c};
  const auto x = result.input("x", normal(3, 1), M{p.m}, c);
  const auto gamma = result.input<Element::WideT>("gamma", normal(0, 1), c);
  const auto bias = result.input<Element::WideT>("bias", normal(0, 1), c);
  const auto mean = result.inout<Element::WideT>("mean", normal(0.5, 1), c);
  const auto variance = result.inout<Element::WideT>("variance", uniform(0, 2), c);
  const auto rstd = result.output<Element::WideT>("rstd", c);
  const auto scale = result.output<Element::WideT>("scale", c);
  const auto shift = result.output<Element::WideT>("shift", c);
  const auto batch_mean = result.gradient("batch_mean", accumulate, c);
  const auto batch_variance = result.gradient("batch_variance", accumulate, c);
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    batch_norm(place, t.with_workspace(place, BatchNormTraining<T>{.x = t(x),
                                                                   .has_statistics = true,
                                                                   .gamma = t(gamma),
                                                                   .bias = t(bias),
                                                                   .eps = 1e-3F,
                                                                   .mean = t(mean),
                                                                   .variance = t(variance),
                                                                   .rstd = t(rstd),
                                                                   .scale = t(scale),
                                                                   .shift = t(shift),
                                                                   .share = 0.25F,
                                                                   .accumulate = accumulate,
                                                                   .batch_mean = t(batch_mean),
                                                                   .batch_variance = t(batch_variance)}));
  });
  return result;
}

Case apply(const Problem& p, Activation activation) {
  Case result(concat("batch_norm/apply", p.text(), " ", name_of(activation)), 8);
  const auto x = result.input("x", normal(0.5, 2), M{p.m}, C{p.c});
  const auto scale = result.input<Element::WideT>("scale", normal(0, 1), C{p.c});
  const auto shift = result.input<Element::WideT>("shift", normal(0, 1), C{p.c});
  const auto y = result.output("y", M{p.m}, C{p.c});
  result.may_alias(y, x);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    batch_norm(place,
               BatchNormApply<T>{
                   .x = t(x), .scale = t(scale), .shift = t(shift), .activation = activation, .y = t(y)});
  });
  return result;
}

Case backward(const Problem& p, Activation activation, float accumulate) {
  Case result(
      concat("batch_norm/backward", p.text(), " ", name_of(activation), accumulate == 0 ? "" : " accumulate"),
      p.m + kRoundingsOfTerm);
  const auto x = result.input("x", normal(0.5, 2), M{p.m}, C{p.c});
  const auto dy = result.input("dy", normal(0.3, 1), M{p.m}, C{p.c});
  const auto mean = result.input<Element::WideT>("mean", normal(0.5, 0.2), C{p.c});
  const auto rstd = result.input<Element::WideT>("rstd", uniform(0.3, 0.7), C{p.c});
  const auto gamma = result.input<Element::WideT>("gamma", normal(0, 1), C{p.c});
  const auto bias = result.input<Element::WideT>("bias", normal(0, 1), C{p.c});
  const auto dx = result.output("dx", M{p.m}, C{p.c});
  const auto dgamma = result.gradient("dgamma", accumulate, C{p.c});
  const auto dbias = result.gradient("dbias", accumulate, C{p.c});
  result.may_alias(dx, dy);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    batch_norm(place, t.with_workspace(place, BatchNormBackward<T>{.x = t(x),
                                                                   .dy = t(dy),
                                                                   .mean = t(mean),
                                                                   .rstd = t(rstd),
                                                                   .gamma = t(gamma),
                                                                   .bias = t(bias),
                                                                   .activation = activation,
                                                                   .dx = t(dx),
                                                                   .dgamma = t(dgamma),
                                                                   .dbias = t(dbias),
                                                                   .accumulate = accumulate}));
  });
  return result;
}

struct KeptProblem {
  std::int64_t samples, kept, pixels, c;
  bool benchmark_only = false;

  std::string text() const { return concat(" N=", samples, " kept=", kept, " pixels=", pixels, " C=", c); }
};

Case backward_of_kept(const KeptProblem& p, float accumulate) {
  const std::int64_t rows = p.kept * p.pixels;
  Case result(concat("batch_norm/backward_of_kept", p.text(), accumulate == 0 ? "" : " accumulate"),
              rows + kRoundingsOfTerm);
  const C c{p.c};
  const auto x = result.input("x", normal(0.5, 2), M{rows}, c);
  const auto dy = result.input("dy", normal(0.3, 1), M{p.samples * p.pixels}, c);
  const auto kept = result.input<Element::Int64>("kept", ascending_subset(p.samples), N{p.kept});
  const auto mean = result.input<Element::WideT>("mean", normal(0.5, 0.2), c);
  const auto rstd = result.input<Element::WideT>("rstd", uniform(0.3, 0.7), c);
  const auto gamma = result.input<Element::WideT>("gamma", normal(0, 1), c);
  const auto bias = result.input<Element::WideT>("bias", normal(0, 1), c);
  const auto dx = result.output("dx", M{rows}, c);
  const auto dgamma = result.gradient("dgamma", accumulate, c);
  const auto dbias = result.gradient("dbias", accumulate, c);
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    const float factor = static_cast<float>(p.samples) / static_cast<float>(p.kept);
    batch_norm(place, t.with_workspace(place, BatchNormBackward<T>{.x = t(x),
                                                                   .dy = t(dy),
                                                                   .kept = t(kept),
                                                                   .factor = factor,
                                                                   .mean = t(mean),
                                                                   .rstd = t(rstd),
                                                                   .gamma = t(gamma),
                                                                   .bias = t(bias),
                                                                   .activation = Activation::None,
                                                                   .dx = t(dx),
                                                                   .dgamma = t(dgamma),
                                                                   .dbias = t(dbias),
                                                                   .accumulate = accumulate}));
  });
  return result;
}

Case running(std::int64_t size) {
  Case result(concat("batch_norm/running I=", size), 3);
  const auto batch = result.input("batch", normal(0.5, 1), I{size});
  const auto average = result.inout("running", normal(1, 1), I{size});
  result.runs_in<double, float>([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    batch_norm(place, RunningUpdate<T>{.batch = t(batch), .momentum = 0.2F, .running = t(average)});
  });
  return result;
}

}  // namespace

std::vector<Case> batch_norm_cases() {
  const Problem problems[] = {
      {.m = 2, .c = 1},
      {.m = 37, .c = 24},
      {.m = 131, .c = 96},
      {.m = 1031, .c = 40},
      {.m = 600, .c = 7},
      // ConvFirstNet-Pico at batch 128: the hidden channels of its four stages.
      {.m = 32768, .c = 64, .benchmark_only = true},
      {.m = 8192, .c = 96, .benchmark_only = true},
      {.m = 2048, .c = 160, .benchmark_only = true},
      {.m = 512, .c = 256, .benchmark_only = true},
      // ConvFirstNet-Small at batch 256: the narrow and the hidden channels of its four stages.
      {.m = 256 * 56 * 56, .c = 64, .benchmark_only = true},
      {.m = 256 * 56 * 56, .c = 384, .benchmark_only = true},
      {.m = 256 * 28 * 28, .c = 768, .benchmark_only = true},
      {.m = 256 * 14 * 14, .c = 256, .benchmark_only = true},
      {.m = 256 * 14 * 14, .c = 1024, .benchmark_only = true},
      {.m = 256 * 7 * 7, .c = 2048, .benchmark_only = true},
      // ConvFirstNet-Small at batch 128 and 224 pixels: outer and hidden channels of its four stages; the
      // first stage of Nano.
      {.m = 401'408, .c = 64, .benchmark_only = true},
      {.m = 401'408, .c = 384, .benchmark_only = true},
      {.m = 100'352, .c = 128, .benchmark_only = true},
      {.m = 100'352, .c = 768, .benchmark_only = true},
      {.m = 25'088, .c = 256, .benchmark_only = true},
      {.m = 25'088, .c = 1024, .benchmark_only = true},
      {.m = 6272, .c = 512, .benchmark_only = true},
      {.m = 6272, .c = 2048, .benchmark_only = true},
      {.m = 401'408, .c = 32, .benchmark_only = true},
      {.m = 401'408, .c = 192, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(statistics(p, 0.5));
    if (!p.benchmark_only) cases.push_back(statistics(p, 100));
    for (const auto activation :
         {Activation::None, Activation::Relu, Activation::Silu, Activation::HardSwish}) {
      if (p.benchmark_only && activation != Activation::None && activation != Activation::Relu) continue;
      cases.push_back(apply(p, activation));
      cases.push_back(backward(p, activation, 0));
    }
    if (!p.benchmark_only) cases.push_back(backward(p, Activation::Relu, 1));
  }
  cases.push_back(training({.m = 37, .c = 24}, 0));
  cases.push_back(training({.m = 1031, .c = 40}, 1));
  cases.push_back(training({.m = 600, .c = 7}, 0));
  cases.push_back(training_of_given({.m = 37, .c = 24}, 1));
  cases.push_back(training_of_given({.m = 600, .c = 7}, 0));
  cases.push_back(training({.m = 256 * 14 * 14, .c = 1024, .benchmark_only = true}, 0));
  cases.push_back(backward_of_kept({.samples = 7, .kept = 3, .pixels = 13, .c = 24}, 0));
  cases.push_back(backward_of_kept({.samples = 5, .kept = 5, .pixels = 77, .c = 7}, 1));
  cases.push_back(backward_of_kept({.samples = 90, .kept = 1, .pixels = 131, .c = 96}, 0));
  cases.push_back(
      backward_of_kept({.samples = 256, .kept = 250, .pixels = 56 * 56, .c = 64, .benchmark_only = true}, 0));
  cases.push_back(backward_of_kept(
      {.samples = 256, .kept = 240, .pixels = 14 * 14, .c = 256, .benchmark_only = true}, 0));
  cases.push_back(fold(1));
  cases.push_back(fold(67));
  cases.push_back(running(67));
  return cases;
}

}  // namespace cf::kernels
