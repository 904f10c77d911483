#include "kernels/residual/residual.h"

#include <gtest/gtest.h>

#include "tests/kernels/directional_derivative.h"

namespace cf::kernels {
namespace {

constexpr std::int64_t kSampleHeight = 3, kSampleWidth = 2, kSampleChannels = 5, kAllSamples = 6;
constexpr std::int64_t kSampleSize = kSampleHeight * kSampleWidth * kSampleChannels;

View<double, N, H, W, C> images(std::vector<double>& values) {
  const auto samples = static_cast<std::int64_t>(values.size()) / kSampleSize;
  return {values.data(), N{samples}, H{kSampleHeight}, W{kSampleWidth}, C{kSampleChannels}};
}

View<const std::int64_t, N> list(const std::vector<std::int64_t>& kept) {
  return {kept.data(), N{static_cast<std::int64_t>(kept.size())}};
}

// y = x + factor (scale branch + shift): gather gives the gradient of the branch's norm, scatter that of
// gather.
TEST(Residual, GatherAndScatterAreTheGradients) {
  const std::vector<std::int64_t> kept{1, 2, 5};
  auto x = random_normal(kAllSamples * kSampleSize, 1);
  auto branch = random_normal(3 * kSampleSize, 2);
  std::vector<double> scale = random_normal(kSampleChannels, 3), shift = random_normal(kSampleChannels, 4);
  auto dy = random_normal(kAllSamples * kSampleSize, 5);
  std::vector<double> y(x.size()), gathered(branch.size());
  const auto sum = [&] {
    residual(Reference{}, ResidualSum<double>{.x = images(x),
                                              .branch = images(branch),
                                              .scale = {scale.data(), C{kSampleChannels}},
                                              .shift = {shift.data(), C{kSampleChannels}},
                                              .kept = list(kept),
                                              .factor = 2,
                                              .y = images(y)});
    return dot(y, dy);
  };
  residual(Reference{},
           GatherSamples<double>{.x = images(dy), .kept = list(kept), .factor = 2, .y = images(gathered)});
  auto dbranch = gathered;
  for (std::size_t i = 0; i < dbranch.size(); ++i) dbranch[i] *= scale[i % kSampleChannels];
  expect_gradient("branch", branch, dbranch, sum);
  expect_gradient("x", x, dy, sum);

  std::vector<double> scattered(x.size(), 0);
  residual(Reference{},
           ScatterAddSamples<double>{.x = images(branch), .kept = list(kept), .y = images(scattered)});
  expect_gradient("gather", dy, scattered, [&] {
    residual(Reference{},
             GatherSamples<double>{.x = images(dy), .kept = list(kept), .factor = 1, .y = images(gathered)});
    return dot(gathered, branch);
  });
}

TEST(Residual, NamesAWrongKeptSample) {
  auto x = random_normal(kAllSamples * kSampleSize, 1), y = random_normal(3 * kSampleSize, 2);
  const auto message_for = [&](const std::vector<std::int64_t>& kept) -> std::string {
    try {
      residual(Reference{}, GatherSamples<double>{.x = images(x), .kept = list(kept), .y = images(y)});
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message_for({0, 3, 6}), "residual: kept[2] is 6, must be in [4, 6): ascending, distinct samples");
  EXPECT_EQ(message_for({-1, 3, 5}),
            "residual: kept[0] is -1, must be in [0, 6): ascending, distinct samples");
  EXPECT_EQ(message_for({2, 2, 5}), "residual: kept[1] is 2, must be in [3, 6): ascending, distinct samples");
  EXPECT_EQ(message_for({2, 5}), "residual: y has N=3, kept has N=2");
  EXPECT_EQ(message_for({0, 2, 5}), "no error");
}

}  // namespace
}  // namespace cf::kernels
