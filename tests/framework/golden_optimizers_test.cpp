// Three steps of each optimizer rule against PyTorch's.
#include <gtest/gtest.h>

#include "kernels/optimizer_step/optimizer_step.h"
#include "tests/framework/golden_file.h"

namespace cf {
namespace {

using kernels::Segment;
using kernels::StepScalars;

// The state of one rule during its steps.
template <class T>
struct State {
  std::vector<T> weights, gradients, first, second;
  Segment segment{.offset = 0, .length = 0, .decay_scale = 1, .learning_rate_scale = 1};
  StepScalars scalars{.learning_rate = 0.01F, .gradient_scale = 1};

  View<T, I> flat(std::vector<T>& values) const { return {values.data(), I{segment.length}}; }

  template <class Place>
  void sgd(Place place, bool nesterov) {
    scalars.learning_rate = 0.1F;
    kernels::optimizer_step(place, kernels::SgdStep<T>{.weights = flat(weights),
                                                       .gradients = flat(gradients),
                                                       .velocity = flat(first),
                                                       .segments = {&segment, 1},
                                                       .scalars = &scalars,
                                                       .momentum = 0.9F,
                                                       .weight_decay = 0.01F,
                                                       .nesterov = nesterov});
  }

  template <class Place>
  void adamw(Place place, int step) {
    scalars.adam_correction1 = static_cast<float>(1 - std::pow(0.9, step));
    scalars.adam_correction2 = static_cast<float>(1 - std::pow(0.99, step));
    kernels::optimizer_step(place, kernels::AdamWStep<T>{.weights = flat(weights),
                                                         .gradients = flat(gradients),
                                                         .first_moment = flat(first),
                                                         .second_moment = flat(second),
                                                         .segments = {&segment, 1},
                                                         .scalars = &scalars,
                                                         .beta1 = 0.9F,
                                                         .beta2 = 0.99F,
                                                         .eps = 1e-8F,
                                                         .weight_decay = 0.05F});
  }

  template <class Place>
  void rmsprop(Place place) {
    kernels::optimizer_step(place, kernels::RmspropStep<T>{.weights = flat(weights),
                                                           .gradients = flat(gradients),
                                                           .second_moment = flat(first),
                                                           .velocity = flat(second),
                                                           .segments = {&segment, 1},
                                                           .scalars = &scalars,
                                                           .alpha = 0.9F,
                                                           .momentum = 0.9F,
                                                           .eps = 1e-3F,
                                                           .weight_decay = 0.01F});
  }
};

template <class T, class Place>
void expect_golden_steps(Place place, const std::string& rule, double tolerance) {
  const GoldenFile golden("optimizers");
  const auto start = golden.values(rule + ".0");
  State<T> state{.weights = {start.begin(), start.end()},
                 .gradients = {},
                 .first = std::vector<T>(start.size()),
                 .second = std::vector<T>(start.size())};
  state.segment.length = static_cast<std::int64_t>(start.size());
  for (int step = 1; step <= 3; ++step) {
    const auto gradients = golden.values("g." + std::to_string(step - 1));
    state.gradients.assign(gradients.begin(), gradients.end());
    if (rule == "adamw") {
      state.adamw(place, step);
    } else if (rule == "rmsprop") {
      state.rmsprop(place);
    } else {
      state.sgd(place, rule == "sgd_nesterov");
    }
    EXPECT_LT(relative_error(state.weights, golden.values(rule + "." + std::to_string(step))), tolerance)
        << rule << " step " << step;
  }
}

TEST(GoldenOptimizers, EqualPyTorch) {
  Threads threads(2);
  for (const std::string rule : {"sgd", "sgd_nesterov", "adamw", "rmsprop"}) {
    expect_golden_steps<double>(Reference{}, rule, 1e-6);
    expect_golden_steps<float>(Cpu{&threads}, rule, 1e-5);
  }
}

}  // namespace
}  // namespace cf
