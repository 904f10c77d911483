// The micro-batches of one step against separate passes on the same images, in double: the gradient is the
// mean of theirs, and the running statistics move once, towards the mean of the statistics of the
// micro-batches.

#include <gtest/gtest.h>

#include <cmath>

#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "kernels/base/philox.h"
#include "layers/convfirst_net.h"
#include "optim/optimizer.h"

namespace cf::layers {
namespace {

constexpr std::int64_t kMicroBatches = 3, kImages = 5;
constexpr std::uint64_t kSeed = 11;

ConvFirstNetSpec tiny_spec() {
  ConvFirstNetSpec spec;
  spec.classes = 4;
  spec.channels = 2;
  spec.patch = 2;
  spec.blocks = {"convfirst", "mbconv"};
  spec.widths = {8, 16};
  spec.depths = {1, 2};
  spec.expansion = {2, 2};
  spec.head = 12;
  spec.drop_path = 0.4;
  spec.dropout = 0.3;
  return spec;
}

class MicroBatches : public testing::Test {
 protected:
  MicroBatches()
      : executor(Executor::reference()), net(tiny_spec()), store(net.make_store(*executor, DType::Float64)) {
    store->initialise(kSeed);
  }

  Tensor images(std::int64_t micro_batch) const {
    const Tensor x = executor->empty(DType::Float64, Shape(N{kImages}, H{11}, W{10}, C{2}));
    Philox random(kSeed, Purpose::Test, static_cast<std::uint64_t>(micro_batch));
    for (double& value : x.flat<double>()) value = static_cast<double>(random.normal());
    return x;
  }

  // Forward and backward on one micro-batch, whose share in the step is 1 / `of`. Returns the loss.
  double run(std::int64_t micro_batch, std::int64_t of) {
    const double share = 1.0 / static_cast<double>(of);
    Pass pass(*executor, {.training = true, .seed = kSeed, .micro_batch = micro_batch, .micro_batches = of});
    Target target{
        .labels = executor->empty(DType::Int64, Shape(N{kImages})), .soft_targets = {}, .smoothing = 0.1F};
    for (const N n : range(N{kImages}))
      target.labels.view<std::int64_t, N>()(n) = (n.value + micro_batch) % 4;
    const Variable logits = net(Variable(images(micro_batch)), pass);
    const Variable loss = classification_loss(pass, logits, kernels::LossKind::CrossEntropy, target);
    const Tensor dloss = executor->empty(DType::Float64, Shape(I{1}));
    *dloss.flat<double>().data() = share;
    const double value = *loss.tensor(pass).flat<const double>().data();
    pass.backward(loss, dloss);
    return value;
  }

  static std::vector<double> values_of(const Tensor& bucket) {
    const auto values = bucket.flat<const double>();
    return {values.begin(), values.end()};
  }

  static void add(std::vector<double>& sum, const Tensor& bucket, double factor) {
    const auto values = values_of(bucket);
    sum.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) sum[i] += factor * values[i];
  }

  static void expect_near(const Tensor& bucket, const std::vector<double>& expected, double tolerance) {
    const auto values = values_of(bucket);
    ASSERT_EQ(values.size(), expected.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_NEAR(values[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
    }
  }

  std::unique_ptr<Executor> executor;
  ConvFirstNet net;
  std::unique_ptr<ParameterStore> store;
};

TEST_F(MicroBatches, OfAStepAreTheMeanOfSeparatePasses) {
  std::vector<double> gradients, statistics;
  for (std::int64_t i = 0; i < kMicroBatches; ++i) {
    store->begin_step();
    run(i, 1);
    add(gradients, store->gradients(), 1.0 / kMicroBatches);
    add(statistics, store->batch(), 1.0 / kMicroBatches);
  }
  store->begin_step();
  for (std::int64_t i = 0; i < kMicroBatches; ++i) run(i, kMicroBatches);

  // A share of 1/3 is rounded to float on its way; within it only the order of sums differs.
  constexpr double kRoundingOfShare = 1e-7;
  expect_near(store->gradients(), gradients, kRoundingOfShare);
  expect_near(store->batch(), statistics, kRoundingOfShare);

  const auto before = values_of(store->running());
  optim::Optimizer optimizer(*executor, *store, {});
  optimizer.step(1, 0.1);
  std::vector<double> expected;
  for (std::size_t i = 0; i < before.size(); ++i) expected.push_back(0.9 * before[i] + 0.1 * statistics[i]);
  expect_near(store->running(), expected, kRoundingOfShare);
}

// The test above would also pass if a step forgot all micro-batches but one that were all alike.
TEST_F(MicroBatches, Differ) {
  store->begin_step();
  const double first = run(0, 1);
  const auto gradients = values_of(store->gradients());
  store->begin_step();
  EXPECT_GT(std::abs(run(1, 1) - first), 1e-3);
  EXPECT_NE(values_of(store->gradients()), gradients);
}

}  // namespace
}  // namespace cf::layers
