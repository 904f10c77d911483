// A grouped convolution with a norm and an activation in front.
#include "kernels/all_cases.h"
#include "kernels/grouped_conv/grouped_conv_problem.h"
#include "kernels/grouped_conv/normed_conv_backward.h"

namespace cf::kernels {

namespace {

using Problem = GroupedConvProblem;

// The input through a norm and an activation, far from zero as before a norm.
Case normed_forward(const Problem& p, Activation activation) {
  Case result(concat("grouped_conv/forward_normed", p.text(), " ", name_of(activation)), 9 * kGroupWidth + 8);
  const auto x = result.input("x", normal(0.5, 2), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto scale = result.input<Element::WideT>("scale", normal(0, 1), C{p.channels});
  const auto shift = result.input<Element::WideT>("shift", normal(0.5, 1), C{p.channels});
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  result.flops = p.flops();
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    const InputNorm<T> norm{.scale = t(scale), .shift = t(shift), .activation = activation};
    grouped_conv(place,
                 t.with_workspace(
                     place, GroupedConvForward<T>{.x = t(x), .norm = norm, .weight = t(weight), .y = t(y)}));
  });
  return result;
}

Case normed_backward_weight(const Problem& p, Activation activation) {
  Case result(concat("grouped_conv/backward_weight_normed", p.text(), " ", name_of(activation)),
              p.n * p.h * p.w);
  const auto x = result.input("x", normal(0.5, 2), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto scale = result.input<Element::WideT>("scale", normal(0, 1), C{p.channels});
  const auto shift = result.input<Element::WideT>("shift", normal(0.5, 1), C{p.channels});
  const auto dy = result.input("dy", normal(0, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto dweight = result.gradient("dweight", 0, K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  result.flops = p.flops();
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    const InputNorm<T> norm{.scale = t(scale), .shift = t(shift), .activation = activation};
    grouped_conv(place,
                 t.with_workspace(place, GroupedConvBackwardWeight<T>{
                                             .x = t(x), .norm = norm, .dy = t(dy), .dweight = t(dweight)}));
  });
  return result;
}

// All gradients of conv(activation(norm(x))), where x comes from a linear layer with so many inputs also that
// layer's weight's; 0: it does not.
Case normed_backward(const Problem& p, Activation activation, float accumulate, std::int64_t inputs = 0) {
  constexpr std::int64_t kRoundingsOfTerm = 16;  // of one element's gradient through norm and activation
  Case result(concat("grouped_conv/backward_through_norm", inputs > 0 ? concat("_and_linear D=", inputs) : "",
                     p.text(), " ", name_of(activation), accumulate == 0 ? "" : " accumulate"),
              p.n * p.h * p.w + 9 * kGroupWidth + kRoundingsOfTerm);
  const C c{p.channels};
  const auto x = result.input("x", normal(0.5, 2), N{p.n}, H{p.h}, W{p.w}, c);
  const auto mean = result.input<Element::WideT>("mean", normal(0.5, 0.2), c);
  const auto rstd = result.input<Element::WideT>("rstd", uniform(0.3, 0.7), c);
  const auto gamma = result.input<Element::WideT>("gamma", normal(0, 1), c);
  const auto bias = result.input<Element::WideT>("bias", normal(0, 1), c);
  const auto scale = result.input<Element::WideT>("scale", normal(0, 1), c);
  const auto shift = result.input<Element::WideT>("shift", normal(0.5, 1), c);
  const auto weight = result.input("weight", normal(0, 0.2), K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto dy = result.input("dy", normal(0.3, 1), N{p.n}, H{p.h}, W{p.w}, K{p.channels});
  const auto dx = result.output("dx", N{p.n}, H{p.h}, W{p.w}, c);
  const auto dweight = result.gradient("dweight", accumulate, K{p.channels}, R{3}, S{3}, C{kGroupWidth});
  const auto dgamma = result.gradient("dgamma", accumulate, c);
  const auto dbias = result.gradient("dbias", accumulate, c);
  CaseHandle<Element::T, false, M, D> expanded;
  CaseHandle<Element::WideT, true, C, D> dexpand;
  if (inputs > 0) expanded = result.input("expanded", normal(0.5, 1), M{p.n * p.h * p.w}, D{inputs});
  if (inputs > 0) dexpand = result.gradient("dexpand", accumulate, c, D{inputs});
  result.flops = 2 * p.flops() + 2 * static_cast<double>(p.n * p.h * p.w * p.channels * inputs);
  result.rounds_inside = true;
  result.benchmark_only = p.benchmark_only;
  result.runs([=](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    const InputNorm<T> norm{.scale = t(scale), .shift = t(shift), .activation = activation};
    grouped_conv(place, t.with_workspace(place, NormedConvBackward<T>{.x = t(x),
                                                                      .norm = norm,
                                                                      .mean = t(mean),
                                                                      .rstd = t(rstd),
                                                                      .gamma = t(gamma),
                                                                      .bias = t(bias),
                                                                      .weight = t(weight),
                                                                      .dy = t(dy),
                                                                      .dx = t(dx),
                                                                      .dweight = t(dweight),
                                                                      .dgamma = t(dgamma),
                                                                      .dbias = t(dbias),
                                                                      .expanded = t(expanded),
                                                                      .dexpand = t(dexpand),
                                                                      .accumulate = accumulate}));
  });
  return result;
}

}  // namespace

std::vector<Case> normed_conv_cases() {
  const std::pair<Problem, Activation> normed[] = {
      {{.n = 1, .h = 1, .w = 1, .channels = 8}, Activation::Relu},
      {{.n = 3, .h = 5, .w = 7, .channels = 40}, Activation::None},
      {{.n = 2, .h = 11, .w = 17, .channels = 72}, Activation::Silu},
      {{.n = 7, .h = 4, .w = 5, .channels = 16}, Activation::HardSwish},
      {{.n = 5, .h = 7, .w = 7, .channels = 136}, Activation::Relu},
      // The MBConv stages of ConvFirstNet-Small at batch 256.
      {{.n = 256, .h = 14, .w = 14, .channels = 1024, .benchmark_only = true}, Activation::Relu},
      {{.n = 256, .h = 7, .w = 7, .channels = 2048, .benchmark_only = true}, Activation::Relu},
  };
  std::vector<Case> cases;
  for (const auto& [problem, activation] : normed) {
    cases.push_back(normed_forward(problem, activation));
    cases.push_back(normed_backward_weight(problem, activation));
    cases.push_back(normed_backward(problem, activation, 0));
  }
  for (const Problem& p :
       {Problem{.n = 2, .h = 33, .w = 18, .channels = 24}, Problem{.n = 70, .h = 2, .w = 3, .channels = 8},
        // More tiles than blocks: two of the tiles one after another.
        Problem{.n = 3, .h = 15, .w = 1, .channels = 4232}}) {
    cases.push_back(normed_backward(p, Activation::Relu, 1));
  }
  // With the gradient of the layer in front: widths of its own kernels, and others.
  struct WithLinear {
    Problem problem;
    std::int64_t inputs;
    Activation activation = Activation::Relu;
  };
  const WithLinear with_linear[] = {
      {{.n = 1, .h = 1, .w = 2, .channels = 128}, 256},
      {{.n = 2, .h = 5, .w = 7, .channels = 40}, 24},
      {{.n = 2, .h = 11, .w = 17, .channels = 128}, 128},
      {{.n = 9, .h = 7, .w = 7, .channels = 256}, 256, Activation::None},
      {{.n = 5, .h = 9, .w = 7, .channels = 384}, 512},
      {{.n = 256, .h = 14, .w = 14, .channels = 1024, .benchmark_only = true}, 256},
      {{.n = 256, .h = 7, .w = 7, .channels = 2048, .benchmark_only = true}, 512},
  };
  for (const auto& [problem, inputs, activation] : with_linear) {
    cases.push_back(normed_backward(problem, activation, 0, inputs));
    if (!problem.benchmark_only) cases.push_back(normed_backward(problem, activation, 1, inputs));
  }
  return cases;
}

}  // namespace cf::kernels
