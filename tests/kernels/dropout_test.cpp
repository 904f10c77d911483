#include "kernels/dropout/dropout.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/random_vector.h"

namespace cf::kernels {
namespace {

struct Stream {
  std::uint64_t seed = 7, layer = 2;
  std::int64_t draw = 3;
};

std::vector<float> drop(const std::vector<float>& x, float probability, Stream stream, int thread_count = 2) {
  std::vector<float> y(x.size());
  Threads threads(thread_count);
  const I size{static_cast<std::int64_t>(x.size())};
  dropout(Cpu{&threads}, Dropout<float>{.x = {x.data(), size},
                                        .probability = probability,
                                        .seed = stream.seed,
                                        .layer = stream.layer,
                                        .draw = {&stream.draw, I{1}},
                                        .y = {y.data(), size}});
  return y;
}

TEST(Dropout, KeepsTheStatedShareAndTheMean) {
  const std::vector<float> ones(100'003, 1.0F);
  for (const float probability : {0.0F, 0.1F, 0.5F, 0.9F}) {
    const auto y = drop(ones, probability, {});
    double kept = 0;
    for (const float value : y) {
      if (value != 0) {
        ++kept;
        ASSERT_FLOAT_EQ(value, 1 / (1 - probability));
      }
    }
    const auto n = static_cast<double>(ones.size());
    const double deviation = std::sqrt(n * probability * (1 - probability));
    EXPECT_NEAR(kept, n * (1 - probability), 4 * deviation);
  }
}

TEST(Dropout, MaskFollowsTheStreamOnly) {
  const auto x = random_normal<float>(30'011, 1, 10), dy = random_normal<float>(30'011, 2, 10);
  const auto y = drop(x, 0.3F, {}), dx = drop(dy, 0.3F, {}, 3);
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i] == 0, dx[i] == 0) << i;
}

TEST(Dropout, StreamsOfSeedDrawAndLayerDiffer) {
  const std::vector<float> ones(20'000, 1.0F);
  const auto base = drop(ones, 0.5F, {});
  for (const Stream& other : {Stream{.seed = 8}, Stream{.draw = 4}, Stream{.layer = 3}}) {
    const auto y = drop(ones, 0.5F, other);
    int equal = 0;
    for (std::size_t i = 0; i < y.size(); ++i) equal += static_cast<int>(y[i] == base[i]);
    EXPECT_NEAR(equal, 10'000, 4 * std::sqrt(5000));
  }
}

TEST(Dropout, RefusesAProbabilityOfOne) {
  EXPECT_THROW(drop({1, 2}, 1.0F, {}), Error);
  EXPECT_THROW(drop({1, 2}, -0.1F, {}), Error);
  EXPECT_THROW(drop({1, 2}, std::nanf(""), {}), Error);
}

}  // namespace
}  // namespace cf::kernels
