// One step on ranks that are threads of this process.

#include <gtest/gtest.h>

#include <algorithm>

#include "apps/train/train_step.h"
#include "apps/train/training_plan.h"
#include "kernels/base/philox.h"
#include "tests/framework/parallel_note_taking.h"
#include "tests/framework/parallel_ranks.h"

namespace cf::apps {
namespace {

constexpr int kRankImages = 8, kImageSide = 16;

Config tiny_config(int ranks) {
  return load_config("synthetic.toml",
                     {"model.classes=4", "model.widths=[8,8,16,16]", "model.expansion=[2,2,2,2]",
                      "model.head=16", "train.batch=" + std::to_string(ranks * kRankImages),
                      "train.norm_batch=" + std::to_string(kRankImages), "data.mean=[0.0]", "data.std=[1.0]"})
      .config;
}

data::Batch batch_of(const std::function<std::uint8_t()>& pixel) {
  data::Batch batch;
  batch.height = batch.width = kImageSide;
  batch.channels = 1;
  for (int i = 0; i < kRankImages * kImageSide * kImageSide; ++i) batch.images.push_back(pixel());
  for (int i = 0; i < kRankImages; ++i) {
    batch.labels.push_back(i % 4);
    batch.samples.push_back(i);
  }
  return batch;
}

// With the largest weights in the stem that a float holds, anything but a black image overflows.
TEST(RunRanksStep, TheRankWhoseNumbersAreNotFiniteIsNamed) {
  constexpr int kRanks = 3;
  const auto ends = run_ranks(kRanks, [](Rendezvous& rendezvous) {
    const auto ranks = make_gloo_communicator(rendezvous);
    const Config config = tiny_config(kRanks);
    const auto executor = Executor::cpu(1);
    layers::ConvFirstNet net(config.model);
    const auto store = net.make_store(*executor);
    store->initialise(3);
    const Parameter* stem = store->parameters().front();
    const std::vector<float> huge(static_cast<std::size_t>(stem->value.size()), 3e38F);
    executor->write(std::as_bytes(std::span(huge)), stem->value);
    optim::Optimizer optimizer(*executor, *store, optimizer_options(config));
    TrainStep step(*executor, net, *store, optimizer, config, *ranks);
    const bool is_bright = ranks->rank() == 2;
    step.run(batch_of([&] { return is_bright ? std::uint8_t{255} : std::uint8_t{0}; }), 0, 0.1);
  });
  expect_all_failed(ends, ErrorKind::Numeric, "on rank 2: step 0 (epoch 0, batch 0): ");
  expect_all_failed(ends, ErrorKind::Numeric, "is the first that is not finite");
}

TEST(RunRanksStep, AllRanksHaveEqualBitsBehindIt) {
  constexpr int kRanks = 4;
  std::vector<std::vector<float>> weights(kRanks), running(kRanks);
  std::vector<StepResult> results(kRanks);
  expect_all_well(run_ranks(kRanks, [&](Rendezvous& rendezvous) {
    const auto ranks = make_gloo_communicator(rendezvous);
    const Config config = tiny_config(kRanks);
    const auto executor = Executor::cpu(1);
    layers::ConvFirstNet net(config.model);
    const auto store = net.make_store(*executor);
    store->initialise(3);
    optim::Optimizer optimizer(*executor, *store, optimizer_options(config));
    TrainStep step(*executor, net, *store, optimizer, config, *ranks);
    Philox random(9, Purpose::Test, static_cast<std::uint64_t>(ranks->rank()));
    const auto rank = static_cast<std::size_t>(ranks->rank());
    for (int i = 0; i < 3; ++i) {
      const auto batch = batch_of([&] { return static_cast<std::uint8_t>(random.below(256)); });
      results[rank] = step.run(batch, i, 0.1);
    }
    weights[rank] = executor->floats(store->values());
    running[rank] = executor->floats(store->running());
  }));
  for (std::size_t rank = 1; rank < kRanks; ++rank) {
    EXPECT_TRUE(weights[rank] == weights[0]) << rank;
    EXPECT_TRUE(running[rank] == running[0]) << rank;
    EXPECT_EQ(results[rank].loss, results[0].loss);
    EXPECT_EQ(results[rank].correct, results[0].correct);
    EXPECT_EQ(results[rank].gradient_norm, results[0].gradient_norm);
  }
}

// The classifier, whose gradient backward has first, fills a part by itself.
TEST(RunRanksStep, GradientsGoOutBeforeBackwardIsDone) {
  NoteTakingCommunicator ranks;
  const Config config =
      load_config("synthetic.toml", {"model.classes=4200", "model.widths=[8,8,16,16]",
                                     "model.expansion=[2,2,2,2]", "model.head=512", "train.batch=16",
                                     "train.norm_batch=8", "data.mean=[0.0]", "data.std=[1.0]"})
          .config;
  const auto executor = Executor::cpu(1);
  layers::ConvFirstNet net(config.model);
  const auto store = net.make_store(*executor);
  store->initialise(3);
  optim::Optimizer optimizer(*executor, *store, optimizer_options(config));
  TrainStep step(*executor, net, *store, optimizer, config, ranks);
  std::vector<std::ptrdiff_t> gradients_there;  // at each sum
  ranks.on_sum = [&] {
    const auto parameters = store->parameters();
    gradients_there.push_back(std::count_if(parameters.begin(), parameters.end(),
                                            [](const Parameter* p) { return p->gradient_writes > 0; }));
  };
  step.run(batch_of([] { return std::uint8_t{7}; }), 0, 0.1);
  const auto all = std::ssize(store->parameters());
  ASSERT_EQ(gradients_there.size(), 3U);  // statistics, the classifier, the rest
  EXPECT_EQ(gradients_there[0], 0);
  EXPECT_GT(gradients_there[1], 0);
  EXPECT_LT(gradients_there[1], all);
  EXPECT_EQ(gradients_there[2], all);
}

}  // namespace
}  // namespace cf::apps
