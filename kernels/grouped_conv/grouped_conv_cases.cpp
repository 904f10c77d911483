#include "kernels/all_cases.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_problem.h"

namespace cf::kernels {

namespace {

using Problem = GroupedConvProblem;

Case forward(const Problem& p) {
  Case result("grouped_conv/forward" + p.text(), 9 * kGroupWidth);
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place,
                 t.with_workspace(place, GroupedConvForward<T>{.x = t(x), .weight = t(weight), .y = t(y)}));
  });
  return result;
}

// x far from zero, so that y is too.
Case biased_forward(const Problem& p, Activation activation = Activation::None) {
  const bool activates = activation != Activation::None;
  Case result(concat("grouped_conv/forward_bias", p.text(), activates ? " " : "",
                     activates ? name_of(activation) : std::string_view()),
              9 * kGroupWidth);
  const auto x = result.input("x", normal(5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto bias = result.input<Element::WideT>("bias", normal(0, 5), K{p.channels});
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place, t.with_workspace(place, GroupedConvForward<T>{.x = t(x),
                                                                      .weight = t(weight),
                                                                      .bias = t(bias),
                                                                      .activation = activation,
                                                                      .y = t(y)}));
  });
  return result;
}

Case centre(const Problem& p) {
  Case result("grouped_conv/centre" + p.text(), 9 * kGroupWidth + kCentrePixels);
  const auto x = result.input("x", normal(5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto bias = result.output<Element::WideT>("bias", K{p.channels});
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place, GroupedConvCentre<T>{.x = t(x), .weight = t(weight), .bias = t(bias)});
  });
  return result;
}

Case backward_input(const Problem& p) {
  Case result("grouped_conv/backward_input" + p.text(), 9 * kGroupWidth);
  const auto dy = result.input("dy", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto dx = result.output("dx", N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place, t.with_workspace(place, GroupedConvBackwardInput<T>{
                                                    .dy = t(dy), .weight = t(weight), .dx = t(dx)}));
  });
  return result;
}

// What reads the kept samples of x: y, the centre's bias, the filter's gradient.
Case forward_of_kept(const Problem& p, std::int64_t samples) {
  Case result(concat("grouped_conv/forward_of_kept", p.text(), " of ", samples), 9 * kGroupWidth);
  const auto x = result.input("x", normal(0.5, 1), N{samples}, H{p.h}, W{p.w}, C{p.channels});
  const auto kept = result.input<Element::Int64>("kept", ascending_subset(samples), N{p.n});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(
        place, t.with_workspace(
                   place, GroupedConvForward<T>{.x = t(x), .kept = t(kept), .weight = t(weight), .y = t(y)}));
  });
  return result;
}

Case centre_of_kept(const Problem& p, std::int64_t samples) {
  Case result(concat("grouped_conv/centre_of_kept", p.text(), " of ", samples),
              9 * kGroupWidth + kCentrePixels);
  const auto x = result.input("x", normal(5, 1), N{samples}, H{p.h}, W{p.w}, C{p.channels});
  const auto kept = result.input<Element::Int64>("kept", ascending_subset(samples), N{p.n});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto bias = result.output<Element::WideT>("bias", K{p.channels});
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place,
                 GroupedConvCentre<T>{.x = t(x), .kept = t(kept), .weight = t(weight), .bias = t(bias)});
  });
  return result;
}

Case backward_weight_of_kept(const Problem& p, std::int64_t samples) {
  Case result(concat("grouped_conv/backward_weight_of_kept", p.text(), " of ", samples), p.n * p.h * p.w);
  const auto x = result.input("x", normal(0.5, 1), N{samples}, H{p.h}, W{p.w}, C{p.channels});
  const auto kept = result.input<Element::Int64>("kept", ascending_subset(samples), N{p.n});
  const auto dy = result.input("dy", normal(0, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto dweight = result.gradient("dweight", 0, K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(
        place, t.with_workspace(place, GroupedConvBackwardWeight<T>{
                                           .x = t(x), .kept = t(kept), .dy = t(dy), .dweight = t(dweight)}));
  });
  return result;
}

// Added to the gradient of a residual sum, which it does not overwrite unless it lies there.
Case backward_input_plus(const Problem& p) {
  Case result(concat("grouped_conv/backward_input_plus", p.text()), 9 * kGroupWidth + 1);
  const auto dy = result.input("dy", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto added = result.input("added", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto dx = result.output("dx", N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  result.may_alias(dx, added);
  result.flops = p.flops();
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place, t.with_workspace(
                            place, GroupedConvBackwardInput<T>{
                                       .dy = t(dy), .weight = t(weight), .added = t(added), .dx = t(dx)}));
  });
  return result;
}

// The same in place, of all samples or of some kept ones.
Case backward_input_onto(const Problem& p, std::int64_t samples) {
  Case result(concat("grouped_conv/backward_input_onto", p.text(), " of ", samples), 9 * kGroupWidth + 1);
  const auto dy = result.input("dy", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto kept = result.input<Element::Int64>("kept", ascending_subset(samples), N{p.n});
  const auto dx = result.inout("dx", normal(0.5, 1), N{samples}, H{p.h}, W{p.w}, C{p.channels});
  result.flops = p.flops();
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs([=, keeps = samples != p.n](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place, t.with_workspace(place, GroupedConvBackwardInput<T>{
                                                    .dy = t(dy),
                                                    .weight = t(weight),
                                                    .added = t(dx),
                                                    .kept = keeps ? View<const std::int64_t, N>(t(kept))
                                                                  : View<const std::int64_t, N>{},
                                                    .dx = t(dx)}));
  });
  return result;
}

Case backward_weight(const Problem& p, float accumulate) {
  Case result(concat("grouped_conv/backward_weight", p.text(), accumulate == 0 ? "" : " accumulate"),
              p.n * p.h * p.w);
  const auto x = result.input("x", normal(0.5, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto dy = result.input("dy", normal(0, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto dweight = result.gradient("dweight", accumulate, K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    grouped_conv(place,
                 t.with_workspace(
                     place, GroupedConvBackwardWeight<T>{
                                .x = t(x), .dy = t(dy), .dweight = t(dweight), .accumulate = accumulate}));
  });
  return result;
}

}  // namespace

std::vector<Case> grouped_conv_cases() {
  const Problem problems[] = {
      {.n = 1, .h = 1, .w = 1, .channels = 8},
      {.n = 2, .h = 1, .w = 9, .channels = 16},
      {.n = 1, .h = 7, .w = 1, .channels = 8},
      {.n = 2, .h = 2, .w = 2, .channels = 24},
      {.n = 3, .h = 5, .w = 7, .channels = 40},
      {.n = 2, .h = 11, .w = 14, .channels = 16},
      {.n = 1, .h = 6, .w = 19, .channels = 72},
      {.n = 5, .h = 7, .w = 7, .channels = 136},
      {.n = 1, .h = 33, .w = 18, .channels = 24},
      {.n = 210, .h = 1, .w = 17, .channels = 8},
      // ConvFirstNet-Pico at batch 128: its four stages.
      {.n = 128, .h = 16, .w = 16, .channels = 16, .benchmark_only = true},
      {.n = 128, .h = 8, .w = 8, .channels = 24, .benchmark_only = true},
      {.n = 128, .h = 4, .w = 4, .channels = 160, .benchmark_only = true},
      {.n = 128, .h = 2, .w = 2, .channels = 256, .benchmark_only = true},
      // The first stage of ConvFirstNet-Small.
      {.n = 8, .h = 56, .w = 56, .channels = 64, .benchmark_only = true},
      // ConvFirstNet-Small at batch 256: its four stages.
      {.n = 256, .h = 56, .w = 56, .channels = 64, .benchmark_only = true},
      {.n = 256, .h = 28, .w = 28, .channels = 128, .benchmark_only = true},
      {.n = 256, .h = 14, .w = 14, .channels = 1024, .benchmark_only = true},
      {.n = 256, .h = 7, .w = 7, .channels = 2048, .benchmark_only = true},
      // ConvFirstNet-Small at batch 128 and 224 pixels: its four stages; the first one of Nano.
      {.n = 128, .h = 56, .w = 56, .channels = 64, .benchmark_only = true},
      {.n = 128, .h = 28, .w = 28, .channels = 128, .benchmark_only = true},
      {.n = 128, .h = 14, .w = 14, .channels = 1024, .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .channels = 2048, .benchmark_only = true},
      {.n = 128, .h = 56, .w = 56, .channels = 32, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) {
    cases.push_back(forward(p));
    cases.push_back(backward_input(p));
    cases.push_back(backward_weight(p, 0));
    if (!p.benchmark_only) cases.push_back(backward_weight(p, 1));
  }
  for (const Problem& p :
       {Problem{.n = 1, .h = 1, .w = 1, .channels = 8}, Problem{.n = 3, .h = 5, .w = 7, .channels = 40},
        Problem{.n = 2, .h = 11, .w = 14, .channels = 72}}) {
    cases.push_back(biased_forward(p));
    cases.push_back(centre(p));
  }
  const std::pair<Problem, std::int64_t> added[] = {
      {{.n = 1, .h = 1, .w = 1, .channels = 8}, 3},
      {{.n = 5, .h = 2, .w = 3, .channels = 24}, 9},
      {{.n = 5, .h = 7, .w = 7, .channels = 72}, 5},
      {{.n = 2, .h = 33, .w = 18, .channels = 40}, 4},
      {{.n = 2, .h = 17, .w = 14, .channels = 64}, 2},
      // The ConvFirst stages of ConvFirstNet-Small and Nano at batch 256.
      {{.n = 256, .h = 56, .w = 56, .channels = 64, .benchmark_only = true}, 256},
      {{.n = 241, .h = 56, .w = 56, .channels = 64, .benchmark_only = true}, 256},
      {{.n = 241, .h = 28, .w = 28, .channels = 128, .benchmark_only = true}, 256},
      {{.n = 241, .h = 56, .w = 56, .channels = 32, .benchmark_only = true}, 256},
  };
  for (const auto& [problem, samples] : added) {
    cases.push_back(backward_input_onto(problem, samples));
    if (problem.n == samples) cases.push_back(backward_input_plus(problem));
    cases.push_back(forward_of_kept(problem, samples));
    cases.push_back(centre_of_kept(problem, samples));
    cases.push_back(backward_weight_of_kept(problem, samples));
  }
  const Problem inference{.n = 3, .h = 5, .w = 7, .channels = 40};
  for (const auto activation : {Activation::Relu, Activation::Silu, Activation::HardSwish}) {
    cases.push_back(biased_forward(inference, activation));
  }
  return cases;
}

}  // namespace cf::kernels
