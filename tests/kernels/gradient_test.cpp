// Backward kernels against differences of their forward kernels, at place Reference in double.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/grouped_conv/grouped_conv_backward.h"
#include "kernels/linear/linear.h"
#include "kernels/patch_conv/patch_conv.h"
#include "kernels/squeeze_excite/squeeze_excite.h"
#include "tests/kernels/directional_derivative.h"
#include "tests/kernels/random_vector.h"
#include "tests/kernels/values.h"

namespace cf::kernels {
namespace {

using Inputs = std::vector<Values>;

struct Differentiable {
  std::vector<std::string> names;  // of the inputs
  Inputs inputs;                   // where the gradients are checked
  std::function<Values(const Inputs&)> forward;
  std::function<Inputs(const Inputs&, const Values& dy)> backward;  // the gradient of each input
};

// Every input's gradient, with a random cotangent.
void expect_gradients(Differentiable function) {
  const auto outputs = static_cast<std::int64_t>(function.forward(function.inputs).size());
  const Values dy = random_normal(outputs, 99);
  const Inputs gradients = function.backward(function.inputs, dy);
  for (std::size_t i = 0; i < function.inputs.size(); ++i) {
    expect_gradient(function.names[i], function.inputs[i], gradients.at(i),
                    [&] { return dot(function.forward(function.inputs), dy); });
  }
}

Differentiable linear_function(std::int64_t m, std::int64_t c, std::int64_t k) {
  return {.names = {"x", "weight", "bias"},
          .inputs = {random_normal(m * c, 1), random_normal(k * c, 2), random_normal(k, 3)},
          .forward =
              [=](const Inputs& given) {
                Values y = zeros(m * k);
                linear(Reference{}, LinearForward<double>{.x = in(given[0], M{m}, C{c}),
                                                          .weight = in(given[1], K{k}, C{c}),
                                                          .bias = in(given[2], K{k}),
                                                          .y = out(y, M{m}, K{k})});
                return y;
              },
          .backward =
              [=](const Inputs& given, const Values& dy) {
                Inputs gradients = {zeros(m * c), zeros(k * c), zeros(k)};
                linear(Reference{}, LinearBackwardInput<double>{.dy = in(dy, M{m}, K{k}),
                                                                .weight = in(given[1], K{k}, C{c}),
                                                                .dx = out(gradients[0], M{m}, C{c})});
                linear(Reference{}, LinearBackwardWeight<double>{.x = in(given[0], M{m}, C{c}),
                                                                 .dy = in(dy, M{m}, K{k}),
                                                                 .dweight = out(gradients[1], K{k}, C{c}),
                                                                 .dbias = out(gradients[2], K{k})});
                return gradients;
              }};
}

TEST(Gradients, Linear) { expect_gradients(linear_function(13, 5, 7)); }

TEST(Gradients, GroupedConv) {
  const N n{2};
  const H h{4};
  const W w{5};
  const std::int64_t channels = 24, image = n.value * h.value * w.value * channels, weights = channels * 72;
  const K k{channels};
  expect_gradients(
      {.names = {"x", "weight"},
       .inputs = {random_normal(image, 1), random_normal(weights, 2)},
       .forward =
           [=](const Inputs& given) {
             Values y = zeros(image);
             grouped_conv(Reference{}, GroupedConvForward<double>{.x = in(given[0], n, h, w, C{channels}),
                                                                  .weight = in(given[1], k, R{3}, S{3}, C{8}),
                                                                  .y = out(y, n, h, w, k)});
             return y;
           },
       .backward =
           [=](const Inputs& given, const Values& dy) {
             Inputs gradients = {zeros(image), zeros(weights)};
             grouped_conv(Reference{},
                          GroupedConvBackward<double>{.x = in(given[0], n, h, w, C{channels}),
                                                      .weight = in(given[1], k, R{3}, S{3}, C{8}),
                                                      .dy = in(dy, n, h, w, k),
                                                      .dx = out(gradients[0], n, h, w, C{channels}),
                                                      .dweight = out(gradients[1], k, R{3}, S{3}, C{8})});
             return gradients;
           }});
}

TEST(Gradients, PatchConv) {
  const N n{2};
  const H h{7};
  const W w{9};
  const C c{3};
  const P p{3};
  const Q q{4};
  const K k{5};
  const std::int64_t image = 2 * 7 * 9 * 3, weights = 5 * 2 * 2 * 3, outputs = 2 * 3 * 4 * 5;
  expect_gradients(
      {.names = {"x", "weight"},
       .inputs = {random_normal(image, 1), random_normal(weights, 2)},
       .forward =
           [=](const Inputs& given) {
             Values y = zeros(outputs);
             patch_conv(Reference{}, PatchConvForward<double>{.x = in(given[0], n, h, w, c),
                                                              .weight = in(given[1], k, R{2}, S{2}, c),
                                                              .y = out(y, n, p, q, k)});
             return y;
           },
       .backward =
           [=](const Inputs& given, const Values& dy) {
             Inputs gradients = {zeros(image), zeros(weights)};
             patch_conv(Reference{}, PatchConvBackwardInput<double>{.dy = in(dy, n, p, q, k),
                                                                    .weight = in(given[1], k, R{2}, S{2}, c),
                                                                    .dx = out(gradients[0], n, h, w, c)});
             patch_conv(Reference{},
                        PatchConvBackwardWeight<double>{.x = in(given[0], n, h, w, c),
                                                        .dy = in(dy, n, p, q, k),
                                                        .dweight = out(gradients[1], k, R{2}, S{2}, c)});
             return gradients;
           }});
}

TEST(Gradients, GlobalAveragePool) {
  const N n{3};
  const H h{4};
  const W w{5};
  const C c{7};
  expect_gradients(
      {.names = {"x"},
       .inputs = {random_normal(3 * 4 * 5 * 7, 1)},
       .forward =
           [=](const Inputs& given) {
             Values y = zeros(3 * 7);
             global_average_pool(Reference{}, GlobalAveragePoolForward<double>{.x = in(given[0], n, h, w, c),
                                                                               .y = out(y, n, c)});
             return y;
           },
       .backward =
           [=](const Inputs&, const Values& dy) {
             Inputs gradients = {zeros(3 * 4 * 5 * 7)};
             global_average_pool(Reference{}, GlobalAveragePoolBackward<double>{
                                                  .dy = in(dy, n, c), .dx = out(gradients[0], n, h, w, c)});
             return gradients;
           }});
}

// Squeeze-excite and the values its forward pass keeps for backward.
class Gate {
 public:
  static constexpr N n{5};
  static constexpr H h{3};
  static constexpr W w{2};
  static constexpr C c{9};
  static constexpr D d{4};
  static constexpr std::int64_t kImage = 5 * 3 * 2 * 9;

  // x, reduce weight and bias, expand weight and bias
  static Inputs inputs() {
    return {random_normal(kImage, 1), random_normal(4 * 9, 2), random_normal(4, 3, 0.5),
            random_normal(9 * 4, 4), random_normal(9, 5)};
  }

  explicit Gate(const Inputs& given) : given_(given) {
    squeeze_excite(Reference{}, SqueezeExciteForward<double>{.x = in(given[0], n, h, w, c),
                                                             .reduce_weight = in(given[1], d, c),
                                                             .reduce_bias = in(given[2], d),
                                                             .expand_weight = in(given[3], c, d),
                                                             .expand_bias = in(given[4], c),
                                                             .pooled = out(pooled_, n, c),
                                                             .squeezed = out(squeezed_, n, d),
                                                             .gate = out(gate_, n, c),
                                                             .y = out(y_, n, h, w, c)});
  }

  const Values& y() const { return y_; }

  Inputs gradients(const Values& dy) {
    Inputs g = {zeros(kImage), zeros(4 * 9), zeros(4), zeros(9 * 4), zeros(9)};
    squeeze_excite(Reference{}, SqueezeExciteBackward<double>{.x = in(given_[0], n, h, w, c),
                                                              .dy = in(dy, n, h, w, c),
                                                              .reduce_weight = in(given_[1], d, c),
                                                              .expand_weight = in(given_[3], c, d),
                                                              .pooled = in(pooled_, n, c),
                                                              .squeezed = in(squeezed_, n, d),
                                                              .gate = in(gate_, n, c),
                                                              .dx = out(g[0], n, h, w, c),
                                                              .dreduce_weight = out(g[1], d, c),
                                                              .dreduce_bias = out(g[2], d),
                                                              .dexpand_weight = out(g[3], c, d),
                                                              .dexpand_bias = out(g[4], c)});
    return g;
  }

 private:
  const Inputs& given_;
  Values pooled_ = zeros(5 * 9), squeezed_ = zeros(5 * 4), gate_ = zeros(5 * 9), y_ = zeros(kImage);
};

TEST(Gradients, SqueezeExcite) {
  expect_gradients(
      {.names = {"x", "reduce_weight", "reduce_bias", "expand_weight", "expand_bias"},
       .inputs = Gate::inputs(),
       .forward = [](const Inputs& given) { return Gate(given).y(); },
       .backward = [](const Inputs& given, const Values& dy) { return Gate(given).gradients(dy); }});
}

int failures_of(const Differentiable& function) {
  testing::TestPartResultArray failures;
  const testing::ScopedFakeTestPartResultReporter reporter(
      testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
  expect_gradients(function);
  return failures.size();
}

// The check itself must be able to fail: three inputs along three directions.
TEST(Gradients, AZeroGradientIsCaught) {
  auto function = linear_function(3, 4, 5);
  function.backward = [](const Inputs&, const Values&) { return Inputs{zeros(12), zeros(20), zeros(5)}; };
  EXPECT_EQ(failures_of(function), 9);
}

TEST(Gradients, AGradientThatIgnoresTheCotangentIsCaught) {
  auto function = linear_function(3, 4, 5);
  const auto right = function.backward;
  function.backward = [=](const Inputs& given, const Values& dy) {
    return right(given, Values(dy.size(), 1.0));
  };
  EXPECT_EQ(failures_of(function), 9);
}

}  // namespace
}  // namespace cf::kernels
