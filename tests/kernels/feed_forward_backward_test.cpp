// The backward pass of the feed-forward part: against differences of its forward pass, and refusals.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/feed_forward_backward/feed_forward_backward.h"
#include "kernels/linear/linear.h"
#include "tests/kernels/directional_derivative.h"
#include "tests/kernels/random_vector.h"
#include "tests/kernels/values.h"

namespace cf::kernels {
namespace {

constexpr N kN{2};
constexpr H kH{3};
constexpr W kW{2};
constexpr C kC{8};
constexpr E kE{24};
constexpr std::int64_t kPixels = 12;

Values product(const Values& x, const Values& weight, const Values& bias, std::int64_t rows) {
  const M pixels{kPixels};
  const C depth{static_cast<std::int64_t>(weight.size()) / rows};
  Values y = zeros(kPixels * rows);
  linear(Reference{}, LinearForward<double>{.x = {x.data(), pixels, depth},
                                            .weight = {weight.data(), K{rows}, depth},
                                            .bias = {bias.data(), K{rows}},
                                            .y = {y.data(), pixels, K{rows}}});
  return y;
}

TEST(FeedForwardBackward, IsTheDerivativeOfTheForwardPass) {
  Values u = random_normal(kPixels * kC.value, 1), expand = random_normal(kE.value * kC.value, 2),
         bias = random_normal(kE.value, 3), project = random_normal(kC.value * kE.value, 4);
  const Values dp = random_normal(kPixels * kC.value, 5), no_bias = zeros(kC.value);
  const auto loss = [&] {
    Values hidden = product(u, expand, bias, kE.value);
    for (double& value : hidden) value = std::max(value, 0.0);
    return dot(product(hidden, project, no_bias, kC.value), dp);
  };
  Values du = zeros(kPixels * kC.value), dexpand = zeros(kE.value * kC.value), dbias = zeros(kE.value);
  Values dproject = zeros(kC.value * kE.value);
  feed_forward(Reference{}, FeedForwardBackward<double>{.u = {u.data(), kN, kH, kW, kC},
                                                        .expand = {expand.data(), kE, kC},
                                                        .expand_bias = {bias.data(), kE},
                                                        .project = {project.data(), kC, kE},
                                                        .dp = {dp.data(), kN, kH, kW, kC},
                                                        .du = {du.data(), kN, kH, kW, kC},
                                                        .dexpand = {dexpand.data(), kE, kC},
                                                        .dexpand_bias = {dbias.data(), kE},
                                                        .dproject = {dproject.data(), kC, kE}});
  expect_gradient("u", u, du, loss);
  expect_gradient("expand", expand, dexpand, loss);
  expect_gradient("expand_bias", bias, dbias, loss);
  expect_gradient("project", project, dproject, loss);
}

std::string refusal(std::int64_t dp_width, std::int64_t project_hidden, std::int64_t dexpand_channels) {
  try {
    feed_forward(Reference{}, FeedForwardBackward<float>{.u = {nullptr, kN, kH, kW, kC},
                                                         .expand = {nullptr, kE, kC},
                                                         .expand_bias = {nullptr, kE},
                                                         .project = {nullptr, kC, E{project_hidden}},
                                                         .dp = {nullptr, kN, kH, W{dp_width}, kC},
                                                         .du = {nullptr, kN, kH, kW, kC},
                                                         .dexpand = {nullptr, kE, C{dexpand_channels}},
                                                         .dexpand_bias = {nullptr, kE},
                                                         .dproject = {nullptr, kC, kE}});
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(FeedForwardBackward, RefusesExtentsThatDoNotFit) {
  EXPECT_EQ(refusal(3, 24, 8), "feed_forward backward: u has W=2, dp has W=3");
  EXPECT_EQ(refusal(2, 32, 8), "feed_forward backward: expand has E=24, project has E=32");
  EXPECT_EQ(refusal(2, 24, 16), "feed_forward backward: expand has C=8, dexpand has C=16");
}

}  // namespace
}  // namespace cf::kernels
