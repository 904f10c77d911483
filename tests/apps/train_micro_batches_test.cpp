// Steps of training: micro-batches against separate passes over their parts, a graph against the host.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "apps/train/train_step.h"
#include "apps/train/training_plan.h"
#include "data/mixing.h"
#include "framework/ops/classification_loss.h"
#include "kernels/base/philox.h"

namespace cf::apps {
namespace {

Config tiny_config(int batch, int norm_batch) {
  Config config = load_config("synthetic.toml",
                              {"model.classes=4", "model.widths=[8,8,16,16]", "model.expansion=[2,2,2,2]",
                               "model.head=16", "train.batch=" + std::to_string(batch),
                               "train.norm_batch=" + std::to_string(norm_batch)})
                      .config;
  return config;
}

data::Batch random_batch(int images, int size) {
  data::Batch batch;
  batch.height = batch.width = size;
  batch.channels = 1;
  Philox random(5, Purpose::Test);
  for (int i = 0; i < images * size * size; ++i) {
    batch.images.push_back(static_cast<std::uint8_t>(256 * random.uniform()));
  }
  for (int i = 0; i < images; ++i) {
    batch.labels.push_back(i % 4);
    batch.samples.push_back(i);
  }
  return batch;
}

// Images [first, first + count) of a batch.
data::Batch part_of(const data::Batch& whole, std::int64_t first, std::int64_t count) {
  data::Batch part = whole;
  const std::int64_t bytes = std::int64_t{whole.height} * whole.width;
  part.images.assign(whole.images.begin() + first * bytes, whole.images.begin() + (first + count) * bytes);
  part.labels.assign(whole.labels.begin() + first, whole.labels.begin() + first + count);
  part.samples.assign(whole.samples.begin() + first, whole.samples.begin() + first + count);
  return part;
}

// What one step from the same start does.
struct Outcome {
  StepResult result;
  std::vector<float> gradients, running;
};

Outcome step_on(const Config& config, const data::Batch& batch, std::int64_t number = 0) {
  const auto executor = Executor::cpu(1);
  layers::ConvFirstNet net(config.model);
  const auto store = net.make_store(*executor);
  store->initialise(3);
  optim::Optimizer optimizer(*executor, *store, optimizer_options(config));
  TrainStep step(*executor, net, *store, optimizer, config);
  Outcome outcome;
  outcome.result = step.run(batch, number, 0.1);
  const auto gradients = store->gradients().flat<const float>(),
             running = store->running().flat<const float>();
  outcome.gradients.assign(gradients.begin(), gradients.end());
  outcome.running.assign(running.begin(), running.end());
  return outcome;
}

TEST(RunMicroBatches, StepIsTheMeanOfItsParts) {
  constexpr int kParts = 4, kImages = 8;
  const data::Batch whole = random_batch(kParts * kImages, 16);
  const Outcome step = step_on(tiny_config(kParts * kImages, kImages), whole);

  StepResult expected;
  std::vector<double> gradients(step.gradients.size()), running(step.running.size());
  for (int i = 0; i < kParts; ++i) {
    const Outcome part = step_on(tiny_config(kImages, kImages), part_of(whole, i * kImages, kImages));
    expected.loss += part.result.loss / kParts;
    expected.correct += part.result.correct;
    for (std::size_t k = 0; k < gradients.size(); ++k)
      gradients[k] += static_cast<double>(part.gradients[k]) / kParts;
    // Linear in the statistics of the micro-batch, from the same start: the mean of one update each is one
    // update by the mean.
    for (std::size_t k = 0; k < running.size(); ++k)
      running[k] += static_cast<double>(part.running[k]) / kParts;
  }
  EXPECT_NEAR(step.result.loss, expected.loss, 1e-6);
  EXPECT_EQ(step.result.correct, expected.correct);
  double largest = 0;
  for (const double g : gradients) largest = std::max(largest, std::abs(g));
  ASSERT_GT(largest, 1e-3);
  for (std::size_t k = 0; k < gradients.size(); ++k) {
    ASSERT_NEAR(static_cast<double>(step.gradients[k]), gradients[k], 1e-5 * largest) << k;
  }
  for (std::size_t k = 0; k < running.size(); ++k) {
    ASSERT_NEAR(static_cast<double>(step.running[k]), running[k], 1e-5 * (1 + std::abs(running[k]))) << k;
  }
}

// What mixup or cutmix makes of a batch, by their formulas: normalised images and soft targets.
struct MixedBatch {
  std::vector<float> images, targets;
};

MixedBatch mixed_by_hand(const Config& config, const data::Batch& batch, std::int64_t step) {
  const auto& a = config.augment;
  const auto size = static_cast<std::size_t>(batch.height) * static_cast<std::size_t>(batch.width);
  const auto mean = static_cast<float>(config.data.mean[0]),
             deviation = static_cast<float>(config.data.std[0]);
  MixedBatch out{.images = std::vector<float>(batch.images.size()),
                 .targets = std::vector<float>(4 * batch.labels.size(), 0.0F)};
  for (std::size_t n = 0; n < batch.labels.size(); ++n) {
    const data::PairMix mix = data::draw_pair_mix(
        {a.mixup, a.cutmix, a.mixup_prob, a.mixup_switch_prob}, static_cast<std::uint64_t>(config.seed), step,
        static_cast<std::int64_t>(n / 2), {batch.height, batch.width});
    for (std::size_t i = 0; i < size; ++i) {
      const int row = static_cast<int>(i) / batch.width - mix.box.top;
      const int column = static_cast<int>(i) % batch.width - mix.box.left;
      const bool inside = row >= 0 && row < mix.box.height && column >= 0 && column < mix.box.width;
      const float own = inside ? 0 : mix.share;
      const float value = own * static_cast<float>(batch.images[n * size + i]) +
                          (1 - own) * static_cast<float>(batch.images[(n ^ 1) * size + i]);
      out.images[n * size + i] = (value / 255 - mean) / deviation;
    }
    out.targets[4 * n + static_cast<std::size_t>(batch.labels[n])] += mix.label_share;
    out.targets[4 * n + static_cast<std::size_t>(batch.labels[n ^ 1])] += 1 - mix.label_share;
  }
  return out;
}

// Mean loss of the fresh network on a mixed batch, all of it one micro-batch.
double loss_on(const Config& config, const MixedBatch& batch, std::int64_t step, int images, int size) {
  const auto executor = Executor::cpu(1);
  layers::ConvFirstNet net(config.model);
  const auto store = net.make_store(*executor);
  store->initialise(3);
  store->prepare_compute(executor->compute_type());
  Pass pass(*executor, {.training = true, .seed = static_cast<std::uint64_t>(config.seed), .step = step});
  const Shape shape(N{images}, H{size}, W{size}, C{1});
  const Target target{.labels = {},
                      .soft_targets = executor->place<float>(batch.targets, Shape(N{images}, K{4})),
                      .smoothing = static_cast<float>(config.loss.smoothing)};
  const Variable logits = net(Variable(executor->place<float>(batch.images, shape)), pass);
  const auto kind =
      config.loss.kind == "bce" ? kernels::LossKind::BinaryCrossEntropy : kernels::LossKind::CrossEntropy;
  return static_cast<double>(
      executor->floats(classification_loss(pass, logits, kind, target).tensor(pass))[0]);
}

TEST(RunMicroBatches, MixedStepIsOneOnMixedImagesAndSoftTargets) {
  constexpr int kImages = 16, kSize = 16;
  constexpr std::int64_t kStep = 3;
  const data::Batch batch = random_batch(kImages, kSize);
  for (const char* kind : {"cross_entropy", "bce"}) {
    Config config = tiny_config(kImages, kImages);
    config.loss.kind = kind;
    config.loss.smoothing = 0.1;
    const double plain = step_on(config, batch, kStep).result.loss;
    const std::initializer_list<std::pair<double, double>> alphas{{0.8, 0.0}, {0.0, 1.0}, {0.8, 1.0}};
    for (const auto& [mixup, cutmix] : alphas) {
      config.augment.mixup = mixup;
      config.augment.cutmix = cutmix;
      const double loss = step_on(config, batch, kStep).result.loss;
      EXPECT_NEAR(loss, loss_on(config, mixed_by_hand(config, batch, kStep), kStep, kImages, kSize), 2e-6);
      EXPECT_GT(std::abs(loss - plain), 1e-5) << "nothing was mixed";
    }
  }
}

// Losses of a few steps, each on images of its own, and the weights behind them.
struct Course {
  std::vector<double> losses;
  std::vector<float> weights;
};

Course train_at(Executor& executor, const Config& config, std::int64_t steps) {
  layers::ConvFirstNet net(config.model);
  const auto store = net.make_store(executor);
  store->initialise(3);
  optim::Optimizer optimizer(executor, *store, optimizer_options(config));
  TrainStep step(executor, net, *store, optimizer, config);
  step.prepare(16, 16);
  Course course;
  data::Batch done;
  const auto finish_one = [&] { course.losses.push_back(step.finish(done).loss); };
  for (std::int64_t i = 0; i < steps; ++i) {
    data::Batch batch = random_batch(config.train.batch, 16);
    std::rotate(batch.images.begin(), batch.images.begin() + 37 * i, batch.images.end());
    if (step.in_flight() == step.most_in_flight()) finish_one();
    step.submit(std::move(batch), i, 0.05);
  }
  while (step.in_flight() > 0) finish_one();
  course.weights = executor.floats(store->values());
  return course;
}

// Stochastic depth, dropout and mixing draw anew in every replay; a graph that forgot an input would train
// on.
TEST(RunMicroBatches, StepsAsAGraphAreThoseOfTheHost) {
  if (const GpuCount gpus = count_gpus(); gpus.count == 0) GTEST_SKIP() << "no GPU: " << gpus.why_none;
  Config config = tiny_config(16, 8);
  config.model.drop_path = 0.4;
  config.model.dropout = 0.3;
  config.augment.mixup = 0.5;
  config.augment.cutmix = 1;
  constexpr std::int64_t kSteps = 6;
  const auto gpu = Executor::cuda(0, DType::Float32);
  const auto cpu = Executor::cpu(1);
  const Course graph = train_at(*gpu, config, kSteps), host = train_at(*cpu, config, kSteps);
  ASSERT_EQ(graph.losses.size(), host.losses.size());
  for (std::size_t i = 0; i < host.losses.size(); ++i)
    EXPECT_NEAR(graph.losses[i], host.losses[i], 1e-3) << i;
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < host.weights.size(); ++i) {
    difference += std::pow(static_cast<double>(graph.weights[i] - host.weights[i]), 2);
    norm += std::pow(static_cast<double>(host.weights[i]), 2);
  }
  EXPECT_LT(std::sqrt(difference), 1e-3 * std::sqrt(norm));
}

}  // namespace
}  // namespace cf::apps
