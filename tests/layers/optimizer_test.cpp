// The optimizer over a network's buckets: their layout, decay, clipping, averages.
#include "optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/philox.h"
#include "layers/convfirst_net.h"
#include "tests/data/expect_error.h"

namespace cf::optim {
namespace {

struct Model {
  std::unique_ptr<Executor> executor = Executor::cpu(2);
  layers::ConvFirstNet net{{.classes = 3,
                            .patch = 2,
                            .blocks = {"convfirst", "mbconv"},
                            .widths = {8, 16},
                            .depths = {1, 1},
                            .expansion = {2, 2},
                            .head = 12}};
  std::unique_ptr<ParameterStore> store = net.make_store(*executor);

  Model() { store->initialise(1); }

  // As backward would leave them; every element of a parameter, no padding.
  void draw_gradients(std::uint64_t stream, float scale = 1) {
    store->begin_step();
    Philox random(2, Purpose::Test, stream);
    for (Parameter* p : store->parameters()) {
      for (float& g : p->gradient.flat<float>()) g = scale * random.normal();
      p->gradient_writes = 1;
    }
    for (Statistic* s : store->statistics()) {
      for (float& v : s->batch.flat<float>()) v = random.uniform();
      s->has_batch = true;
    }
  }
};

bool same_bytes(const Tensor& a, const Tensor& b) { return std::ranges::equal(a.bytes(), b.bytes()); }

// Elements of a bucket that belong to no segment.
std::vector<float> padding_of(const ParameterStore& store, const Tensor& bucket) {
  const auto values = bucket.flat<const float>();
  std::vector<bool> covered(static_cast<std::size_t>(values.size()));
  for (const auto& segment : store.segments()) {
    std::fill_n(covered.begin() + segment.offset, segment.length, true);
  }
  std::vector<float> out;
  for (std::size_t i = 0; i < covered.size(); ++i) {
    if (!covered[i]) out.push_back(values.data()[i]);
  }
  return out;
}

TEST(Buckets, LieInReverseOrderOfForwardOnAlignedPlaces) {
  const Model model;
  const auto& parameters = model.store->parameters();
  const auto& segments = model.store->segments();
  ASSERT_EQ(segments.size(), parameters.size());
  std::int64_t end = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Parameter& p = *parameters[parameters.size() - 1 - i];
    EXPECT_EQ(segments[i].length, p.shape.size()) << p.name;
    EXPECT_GE(segments[i].offset, end) << p.name;
    EXPECT_LT(segments[i].offset, end + 32) << p.name;  // no more padding than the alignment needs
    end = segments[i].offset + segments[i].length;
    for (const Tensor* tensor : {&p.value, &p.gradient}) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor->data()) % 128, 0U) << p.name;
    }
    EXPECT_EQ(p.value.flat<float>().data(), model.store->values().flat<float>().data() + segments[i].offset);
  }
}

TEST(Buckets, NormsAndBiasesDoNotDecay) {
  const Model model;
  const auto& parameters = model.store->parameters();
  const auto& segments = model.store->segments();
  int norms = 0, biases = 0, weights = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Parameter& p = *parameters[parameters.size() - 1 - i];
    const bool norm = p.name.find("bn.") != std::string::npos;
    const bool bias = p.name.ends_with(".bias");
    EXPECT_EQ(segments[i].decay_scale, norm || bias ? 0.0F : 1.0F) << p.name;
    ++(norm ? norms : bias ? biases : weights);
  }
  EXPECT_EQ(norms, 2 * 9);  // stem, 3 + 1 + 3, head
  EXPECT_EQ(biases, 2 + 1);
  EXPECT_EQ(weights, 3 + 1 + 5 + 1 + 2);
}

class EveryRule : public testing::TestWithParam<OptimizerKind> {};

TEST_P(EveryRule, LeavesPaddingZero) {
  Model model;
  Optimizer optimizer(*model.executor, *model.store,
                      {.kind = GetParam(), .weight_decay = 0.1F, .ema_decay = 0.9F});
  for (int step = 1; step <= 3; ++step) {
    model.draw_gradients(static_cast<std::uint64_t>(step));
    optimizer.step(step, 0.1);
  }
  const auto expect_zero = [&](const Tensor& bucket) {
    const auto padding = padding_of(*model.store, bucket);
    ASSERT_FALSE(padding.empty());
    EXPECT_TRUE(std::ranges::all_of(padding, [](float v) { return v == 0; }));
  };
  expect_zero(model.store->values());
  expect_zero(optimizer.average_values());
  for (const auto& [name, bucket] : optimizer.state()) expect_zero(bucket);
}

TEST_P(EveryRule, WeightDecayMovesFiltersOnly) {
  Model with, without;
  Optimizer decaying(*with.executor, *with.store, {.kind = GetParam(), .weight_decay = 0.5F});
  Optimizer plain(*without.executor, *without.store, {.kind = GetParam()});
  with.draw_gradients(1);
  without.draw_gradients(1);
  decaying.step(1, 0.01);
  plain.step(1, 0.01);
  for (std::size_t i = 0; i < with.store->parameters().size(); ++i) {
    const Parameter& p = *with.store->parameters()[i];
    EXPECT_EQ(same_bytes(p.value, without.store->parameters()[i]->value), !p.decays) << p.name;
  }
}

TEST_P(EveryRule, ChangesNothingWhereTheGradientIsNotFinite) {
  Model model;
  Optimizer optimizer(*model.executor, *model.store, {.kind = GetParam(), .ema_decay = 0.9F});
  const Tensor values = copy_of(model.store->values(), host_pool());
  const Tensor running = copy_of(model.store->running(), host_pool());
  model.draw_gradients(1);
  *model.store->parameters().front()->gradient.flat<float>().data() = std::nanf("");
  EXPECT_FALSE(std::isfinite(optimizer.step(1, 0.1)));
  EXPECT_TRUE(same_bytes(model.store->values(), values));
  EXPECT_TRUE(same_bytes(model.store->running(), running));
  for (const auto& [name, bucket] : optimizer.state()) {
    EXPECT_TRUE(std::ranges::all_of(bucket.flat<const float>(), [](float v) { return v == 0; })) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, EveryRule,
                         testing::Values(OptimizerKind::Sgd, OptimizerKind::AdamW, OptimizerKind::Rmsprop));

TEST(Optimizer, ClippingTakesTheWholeGradientToTheGivenNorm) {
  Model model;
  const Tensor before = copy_of(model.store->values(), host_pool());
  Optimizer optimizer(*model.executor, *model.store, {.momentum = 0, .clip_norm = 0.5F});
  model.draw_gradients(1, 10);
  double squares = 0;
  for (const Parameter* p : model.store->parameters()) {
    for (const float g : p->gradient.flat<const float>())
      squares += static_cast<double>(g) * static_cast<double>(g);
  }
  EXPECT_NEAR(optimizer.step(1, 1), std::sqrt(squares), 1e-5 * std::sqrt(squares));  // before clipping
  double moved = 0;
  const auto now = model.store->values().flat<const float>();
  for (std::int64_t i = 0; i < now.size(); ++i) {
    const auto delta = static_cast<double>(now.data()[i] - before.flat<const float>().data()[i]);
    moved += delta * delta;
  }
  EXPECT_NEAR(std::sqrt(moved), 0.5, 1e-4);
}

TEST(Optimizer, ClippingLeavesASmallGradientAlone) {
  Model clipped, plain;
  Optimizer with(*clipped.executor, *clipped.store, {.clip_norm = 1e6F});
  Optimizer without(*plain.executor, *plain.store, {});
  clipped.draw_gradients(1);
  plain.draw_gradients(1);
  with.step(1, 0.1);
  without.step(1, 0.1);
  EXPECT_TRUE(same_bytes(clipped.store->values(), plain.store->values()));
}

// What a step with the gradient `factor` times a drawn one does to the loss scale.
kernels::StepState scaled_step(Model& model, Optimizer& optimizer, float factor) {
  model.draw_gradients(1, factor);
  optimizer.step(1, 0.1);
  return optimizer.read_step_state();
}

constexpr float kOverflow = std::numeric_limits<float>::infinity();

TEST(LossScale, AnOverflowHalvesItAndLeavesTheStepOut) {
  Model model;
  Optimizer optimizer(*model.executor, *model.store, {.scales_loss = true});
  const Tensor before = copy_of(model.store->values(), host_pool());
  const float first = optimizer.read_step_state().loss_scale;
  const auto state = scaled_step(model, optimizer, kOverflow);
  EXPECT_EQ(state.loss_scale, first / 2);
  EXPECT_EQ(state.left_out, 1);
  EXPECT_EQ(state.failed, 0);
  EXPECT_EQ(*optimizer.loss_weight().flat<const float>().data(), first / 2);
  EXPECT_TRUE(same_bytes(model.store->values(), before));
  EXPECT_EQ(scaled_step(model, optimizer, first / 2).left_out, 1);
  EXPECT_FALSE(same_bytes(model.store->values(), before));
}

TEST(LossScale, DoublesAfterGoodStepsUpToItsMost) {
  Model model;
  Optimizer optimizer(*model.executor, *model.store, {.scales_loss = true});
  const kernels::LossScaling scaling;
  optimizer.write_step_state({.loss_scale = 4, .good_steps = scaling.growth_steps - 2});
  EXPECT_EQ(scaled_step(model, optimizer, 1).loss_scale, 4);
  const auto state = scaled_step(model, optimizer, 1);
  EXPECT_EQ(state.loss_scale, 8);
  EXPECT_EQ(state.good_steps, 0);
  optimizer.write_step_state({.loss_scale = scaling.most, .good_steps = scaling.growth_steps - 1});
  EXPECT_EQ(scaled_step(model, optimizer, 1).loss_scale, scaling.most);
}

TEST(LossScale, DividesTheGradients) {
  Model scaled, plain;
  Optimizer with(*scaled.executor, *scaled.store, {.clip_norm = 0.5F, .scales_loss = true});
  Optimizer without(*plain.executor, *plain.store, {.clip_norm = 0.5F});
  const auto state = scaled_step(scaled, with, with.read_step_state().loss_scale);  // a power of two
  const auto expected = scaled_step(plain, without, 1);
  EXPECT_EQ(state.gradient_norm, expected.gradient_norm);
  EXPECT_TRUE(same_bytes(scaled.store->values(), plain.store->values()));
}

TEST(LossScale, AnOverflowAtScaleOneIsAFailure) {
  Model model;
  Optimizer optimizer(*model.executor, *model.store, {.scales_loss = true});
  optimizer.write_step_state({.loss_scale = 1});
  EXPECT_EQ(scaled_step(model, optimizer, kOverflow).failed, 1);
}

TEST(Optimizer, AfterAFailureNoStepIsApplied) {
  Model model;
  Optimizer optimizer(*model.executor, *model.store, {.ema_decay = 0.9F});
  scaled_step(model, optimizer, kOverflow);
  const Tensor values = copy_of(model.store->values(), host_pool());
  EXPECT_EQ(scaled_step(model, optimizer, 1).failed, 1);
  EXPECT_TRUE(same_bytes(model.store->values(), values));
}

TEST(Optimizer, AParameterWithoutGradientIsNamed) {
  Model model;
  Optimizer optimizer(*model.executor, *model.store, {});
  model.draw_gradients(1);
  model.store->parameters()[4]->gradient_writes = 0;
  expect_error(ErrorKind::Internal, {model.store->parameters()[4]->name}, [&] { optimizer.step(1, 0.1); });
}

TEST(Average, SwappedInTwiceIsAsBefore) {
  Model model;
  Optimizer optimizer(*model.executor, *model.store, {.ema_decay = 0.75F});
  model.draw_gradients(1);
  optimizer.step(1, 0.1);
  const Tensor values = copy_of(model.store->values(), host_pool());
  const Tensor running = copy_of(model.store->running(), host_pool());
  const Tensor average = copy_of(optimizer.average_values(), host_pool());
  ASSERT_FALSE(same_bytes(values, average));

  optimizer.swap_average();
  EXPECT_TRUE(same_bytes(model.store->values(), average));
  const Parameter& p = *model.store->parameters().front();  // the handles follow
  EXPECT_TRUE(same_bytes(p.value, model.store->part(average, p)));
  optimizer.swap_average();
  EXPECT_TRUE(same_bytes(model.store->values(), values));
  EXPECT_TRUE(same_bytes(model.store->running(), running));
  EXPECT_TRUE(same_bytes(optimizer.average_values(), average));
  EXPECT_TRUE(same_bytes(p.value, model.store->part(values, p)));
}

TEST(Average, IsTheMeanOfWeightsAndRunningStatisticsItSaw) {
  Model model;
  const Tensor start = copy_of(model.store->values(), host_pool());
  const Tensor start_running = copy_of(model.store->running(), host_pool());
  Optimizer optimizer(*model.executor, *model.store, {.ema_decay = 0.75F});
  model.draw_gradients(1);
  optimizer.step(1, 0.1);
  const auto expect_mean = [](const Tensor& average, const Tensor& before, const Tensor& after) {
    const auto a = average.flat<const float>(), b = before.flat<const float>(), c = after.flat<const float>();
    for (std::int64_t i = 0; i < a.size(); ++i) {
      EXPECT_NEAR(a.data()[i], 0.75F * b.data()[i] + 0.25F * c.data()[i], 1e-6F);
    }
  };
  expect_mean(optimizer.average_values(), start, model.store->values());
  expect_mean(optimizer.average_running(), start_running, model.store->running());
}

}  // namespace
}  // namespace cf::optim
