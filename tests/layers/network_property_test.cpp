// Properties of the network that hold for any weights.
#include <algorithm>
#include <cmath>
#include <set>

#include "framework/autograd/pass.h"
#include "framework/ops/gather_samples.h"
#include "kernels/base/philox.h"
#include "layers/convfirst_net.h"
#include "tests/data/expect_error.h"

namespace cf::layers {
namespace {

ConvFirstNetSpec small_net() {
  return {.classes = 6,
          .channels = 3,
          .patch = 2,
          .widths = {8, 16, 16, 24},
          .depths = {1, 1, 2, 1},
          .expansion = {4, 2, 2, 4},
          .head = 20,
          .drop_path = 0.5,
          .dropout = 0.2};
}

Tensor random_images(std::int64_t count, std::int64_t height, std::int64_t width, std::uint64_t stream = 0) {
  Tensor x = Tensor::empty(host_pool(), DType::Float32, Shape(N{count}, H{height}, W{width}, C{3}));
  Philox random(3, Purpose::Test, stream);
  for (float& v : x.flat<float>()) v = random.normal();
  return x;
}

Tensor one_of(const Tensor& x, std::int64_t n) {
  const auto one = x.shape().with(N{1});
  return x.reshaped(Shape(I{x.size()})).slice(n * one.size(), one);
}

struct Network {
  std::unique_ptr<Executor> executor = Executor::cpu(2);
  ConvFirstNet net{small_net()};
  std::unique_ptr<ParameterStore> store = net.make_store(*executor);

  Network() {
    store->initialise(11);
    Philox random(4, Purpose::Test);
    for (const Statistic* s : store->statistics()) {
      for (float& v : s->value.flat<float>()) v += 0.3F * random.uniform();
    }
  }

  Tensor run(const Tensor& x, const PassOptions& options = {}) {
    Pass pass(*executor, options);
    return net(Variable(x), pass).tensor(pass);
  }
};

TEST(Network, EvaluationOfAnImageDoesNotDependOnTheOthers) {
  Network network;
  const Tensor x = random_images(5, 33, 21);
  const Tensor together = network.run(x);
  for (std::int64_t n = 0; n < 5; ++n) {
    const Tensor alone = network.run(one_of(x, n));
    for (const K k : range(K{6})) {
      const float expected = alone.renamed<const float, N, K>()(N{0}, k);
      const float actual = together.renamed<const float, N, K>()(N{n}, k);
      EXPECT_NEAR(actual, expected, 1e-5F * (1 + std::abs(expected)));
    }
  }
}

TEST(Network, EvaluationRecordsAndChangesNothing) {
  Network network;
  const Tensor running = copy_of(network.store->running(), host_pool());
  const Tensor x = random_images(2, 16, 16);
  const Tensor before = copy_of(x, host_pool());
  Pass pass(*network.executor, {});
  network.net(Variable(x), pass).tensor(pass);
  EXPECT_EQ(pass.tape().size(), 0U);
  EXPECT_TRUE(std::ranges::equal(network.store->running().bytes(), running.bytes()));
  EXPECT_TRUE(std::ranges::equal(x.bytes(), before.bytes()));
}

TEST(Network, TheSameDrawGivesTheSameBitsAnotherDrawOthers) {
  Network network;
  const Tensor x = random_images(6, 16, 16);
  const auto run = [&](std::int64_t step) {
    return network.run(x, {.training = true, .seed = 9, .step = step});
  };
  const Tensor first = run(1);
  EXPECT_TRUE(std::ranges::equal(first.bytes(), run(1).bytes()));
  EXPECT_FALSE(std::ranges::equal(first.bytes(), run(2).bytes()));
}

// The head's norm sees one row per image.
TEST(Network, TrainingOnOneImageIsAUsageError) {
  Network network;
  const Tensor x = random_images(1, 64, 64);
  expect_error(ErrorKind::Usage, {"head.bn", "more than one value per channel"},
               [&] { network.run(x, {.training = true}); });
  EXPECT_NO_THROW(network.run(x));
}

TEST(Network, AnImageSmallerThanTheTotalStrideIsAUsageError) {
  Network network;
  expect_error(ErrorKind::Usage, {"15x40", "at least 16"}, [&] { network.run(random_images(2, 15, 40)); });
  expect_error(ErrorKind::Usage, {"16x1", "at least 16"}, [&] { network.run(random_images(2, 16, 1)); });
  EXPECT_NO_THROW(network.run(random_images(2, 16, 16)));
}

TEST(Network, AnImageOfOtherChannelsNamesBoth) {
  Network network;
  const Tensor grey = Tensor::zeros(host_pool(), DType::Float32, Shape(N{2}, H{16}, W{16}, C{1}));
  expect_error(ErrorKind::Usage, {"1 channels", "takes 3"}, [&] { network.run(grey); });
}

std::vector<std::int64_t> drawn_samples(Executor& executor, std::int64_t samples, float drop,
                                        const PassOptions& options) {
  Pass pass(executor, options);
  const Tensor kept = draw_kept_samples(pass, samples, drop);
  if (!kept) return {};
  const auto values = kept.view<const std::int64_t, N>();
  return {values.begin(), values.end()};
}

TEST(KeptSamples, CountOrderAndRange) {
  const auto executor = Executor::cpu(1);
  for (const std::int64_t samples : {1, 2, 7, 64}) {
    for (const float drop : {0.1F, 0.35F, 0.5F, 0.99F}) {
      const auto kept = drawn_samples(*executor, samples, drop, {.training = true, .step = 3});
      const auto count = std::max<std::int64_t>(1, std::llround(static_cast<double>(samples) * (1.0 - drop)));
      if (count == samples) {
        EXPECT_TRUE(kept.empty());  // all
        continue;
      }
      ASSERT_EQ(static_cast<std::int64_t>(kept.size()), count) << samples << " " << drop;
      EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
      EXPECT_EQ(std::set<std::int64_t>(kept.begin(), kept.end()).size(), kept.size());
      EXPECT_GE(kept.front(), 0);
      EXPECT_LT(kept.back(), samples);
    }
  }
}

TEST(KeptSamples, AreAFunctionOfSeedDrawAndPlace) {
  const auto executor = Executor::cpu(1);
  const auto draw = [&](std::uint64_t seed, std::int64_t step, int place) {
    Pass pass(*executor, {.training = true, .seed = seed, .step = step});
    for (int i = 0; i < place; ++i) draw_kept_samples(pass, 64, 0.5F);
    const auto kept = draw_kept_samples(pass, 64, 0.5F);
    const auto values = kept.view<const std::int64_t, N>();
    return std::vector<std::int64_t>(values.begin(), values.end());
  };
  const auto first = draw(1, 1, 0);
  EXPECT_EQ(draw(1, 1, 0), first);
  EXPECT_NE(draw(2, 1, 0), first);
  EXPECT_NE(draw(1, 2, 0), first);
  EXPECT_NE(draw(1, 1, 1), first);
}

TEST(KeptSamples, EverySampleIsKeptEquallyOften) {
  const auto executor = Executor::cpu(1);
  constexpr int kDraws = 4000, kSamples = 10;
  std::vector<int> times(kSamples);
  for (int draw = 0; draw < kDraws; ++draw) {
    for (const auto n : drawn_samples(*executor, kSamples, 0.3F, {.training = true, .step = draw})) {
      ++times[static_cast<std::size_t>(n)];
    }
  }
  // 0.7 with a standard deviation of sqrt(0.21 / 4000) = 0.0072
  for (const int count : times) EXPECT_NEAR(static_cast<double>(count) / kDraws, 0.7, 0.036);
}

TEST(KeptSamples, AllInEvaluation) {
  const auto executor = Executor::cpu(1);
  EXPECT_TRUE(drawn_samples(*executor, 8, 0.5F, {}).empty());
}

}  // namespace
}  // namespace cf::layers
