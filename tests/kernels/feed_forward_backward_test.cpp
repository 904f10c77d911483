// The backward pass of the feed-forward part: against differences of its forward pass, and refusals.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/feed_forward_backward/feed_forward_backward.h"
#include "kernels/linear/linear.h"
#include "tests/kernels/directional_derivative.h"
#include "tests/kernels/random_vector.h"

namespace cf::kernels {
namespace {

using Values = std::vector<double>;

constexpr N n{2};
constexpr H h{3};
constexpr W w{2};
constexpr C c{8};
constexpr E e{24};
constexpr std::int64_t kPixels = 12;

Values zeros(std::int64_t size) { return Values(static_cast<std::size_t>(size)); }

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
  Values u = random_normal(kPixels * c.value, 1), expand = random_normal(e.value * c.value, 2),
         bias = random_normal(e.value, 3), project = random_normal(c.value * e.value, 4);
  const Values dp = random_normal(kPixels * c.value, 5), no_bias = zeros(c.value);
  const auto loss = [&] {
    Values hidden = product(u, expand, bias, e.value);
    for (double& value : hidden) value = std::max(value, 0.0);
    return dot(product(hidden, project, no_bias, c.value), dp);
  };
  Values du = zeros(kPixels * c.value), dexpand = zeros(e.value * c.value), dbias = zeros(e.value);
  Values dproject = zeros(c.value * e.value);
  feed_forward(Reference{}, FeedForwardBackward<double>{.u = {u.data(), n, h, w, c},
                                                        .expand = {expand.data(), e, c},
                                                        .expand_bias = {bias.data(), e},
                                                        .project = {project.data(), c, e},
                                                        .dp = {dp.data(), n, h, w, c},
                                                        .du = {du.data(), n, h, w, c},
                                                        .dexpand = {dexpand.data(), e, c},
                                                        .dexpand_bias = {dbias.data(), e},
                                                        .dproject = {dproject.data(), c, e}});
  expect_gradient("u", u, du, loss);
  expect_gradient("expand", expand, dexpand, loss);
  expect_gradient("expand_bias", bias, dbias, loss);
  expect_gradient("project", project, dproject, loss);
}

std::string refusal(std::int64_t dp_width, std::int64_t project_hidden, std::int64_t dexpand_channels) {
  try {
    feed_forward(Reference{}, FeedForwardBackward<float>{.u = {nullptr, n, h, w, c},
                                                         .expand = {nullptr, e, c},
                                                         .expand_bias = {nullptr, e},
                                                         .project = {nullptr, c, E{project_hidden}},
                                                         .dp = {nullptr, n, h, W{dp_width}, c},
                                                         .du = {nullptr, n, h, w, c},
                                                         .dexpand = {nullptr, e, C{dexpand_channels}},
                                                         .dexpand_bias = {nullptr, e},
                                                         .dproject = {nullptr, c, e}});
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
