#include "kernels/optimizer_step/optimizer_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/kernels/random_vector.h"

namespace cf::kernels {
namespace {

constexpr std::int64_t kSize = 200;
constexpr Segment kWeightSegment{.offset = 0, .length = 90, .decay_scale = 1, .learning_rate_scale = 1};
constexpr Segment kBiasSegment{.offset = 96, .length = 70, .decay_scale = 0, .learning_rate_scale = 0.5F};
constexpr Segment kSegments[] = {kWeightSegment, kBiasSegment};

bool is_padding(std::size_t i) { return (i >= 90 && i < 96) || i >= 166; }

// A bucket with state, stepped at place Cpu.
struct Bucket {
  std::vector<float> weights = random_normal<float>(kSize, 1);
  std::vector<float> gradients = random_normal<float>(kSize, 2);
  std::vector<float> first = std::vector<float>(kSize, 0.0F), second = first;
  StepScalars scalars{.learning_rate = 0.1F,
                      .gradient_scale = 1,
                      .adam_correction1 = 0.1F,
                      .adam_correction2 = 0.01F,
                      .ema_decay = 0.9F};
  Threads threads{2};

  static View<float, I> flat(std::vector<float>& values) { return {values.data(), I{kSize}}; }
  Cpu place() { return {&threads}; }

  void sgd(float momentum, float weight_decay) {
    optimizer_step(place(), SgdStep<float>{.weights = flat(weights),
                                           .gradients = flat(gradients),
                                           .velocity = flat(first),
                                           .segments = kSegments,
                                           .scalars = &scalars,
                                           .momentum = momentum,
                                           .weight_decay = weight_decay});
  }
  void adamw(float weight_decay) {
    optimizer_step(place(), AdamWStep<float>{.weights = flat(weights),
                                             .gradients = flat(gradients),
                                             .first_moment = flat(first),
                                             .second_moment = flat(second),
                                             .segments = kSegments,
                                             .scalars = &scalars,
                                             .beta1 = 0.9F,
                                             .beta2 = 0.99F,
                                             .eps = 1e-8F,
                                             .weight_decay = weight_decay});
  }
  void rmsprop() {
    optimizer_step(place(), RmspropStep<float>{.weights = flat(weights),
                                               .gradients = flat(gradients),
                                               .second_moment = flat(first),
                                               .velocity = flat(second),
                                               .segments = kSegments,
                                               .scalars = &scalars,
                                               .alpha = 0.9F,
                                               .momentum = 0.9F,
                                               .eps = 1e-3F,
                                               .weight_decay = 0.01F});
  }
  float norm() {
    float result = 0;
    GradientNorm<float> args{.gradients = flat(gradients), .segments = kSegments, .norm = {&result, I{1}}};
    std::vector<std::byte> workspace(workspace_bytes(place(), args));
    args.workspace = workspace;
    optimizer_step(place(), args);
    return result;
  }
  void clip(float of_norm, float max_norm) {
    optimizer_step(place(),
                   ClipGradients<float>{.norm = {&of_norm, I{1}}, .max_norm = max_norm, .scalars = &scalars});
  }
};

TEST(OptimizerStep, LeavesPaddingAlone) {
  const auto expect_padding_untouched = [](const auto& step) {
    Bucket bucket;
    for (std::size_t i = 0; i < kSize; ++i) {
      if (is_padding(i)) bucket.gradients[i] = std::nanf("");
    }
    const auto before = bucket.weights;
    step(bucket);
    EXPECT_TRUE(std::isfinite(bucket.norm()));
    for (std::size_t i = 0; i < kSize; ++i) {
      EXPECT_EQ(bucket.weights[i] == before[i], is_padding(i)) << i;
      EXPECT_TRUE(std::isfinite(bucket.weights[i]));
      if (is_padding(i)) {
        EXPECT_EQ(bucket.first[i], 0);
        EXPECT_EQ(bucket.second[i], 0);
      }
    }
  };
  expect_padding_untouched([](Bucket& bucket) { bucket.sgd(0.9F, 0.01F); });
  expect_padding_untouched([](Bucket& bucket) { bucket.adamw(0.01F); });
  expect_padding_untouched([](Bucket& bucket) { bucket.rmsprop(); });
}

TEST(OptimizerStep, AdamWWithoutGradientsIsPureDecay) {
  Bucket bucket;
  bucket.gradients.assign(kSize, 0.0F);
  const auto before = bucket.weights;
  bucket.adamw(0.5F);
  for (std::size_t i = 0; i < 90; ++i) EXPECT_FLOAT_EQ(bucket.weights[i], before[i] * (1 - 0.1F * 0.5F));
  for (std::size_t i = 96; i < 166; ++i)
    EXPECT_EQ(bucket.weights[i], before[i]);  // its segment does not decay
}

TEST(OptimizerStep, AdamWMovesByTheLearningRateAtFirst) {
  Bucket bucket;
  const auto before = bucket.weights;
  bucket.adamw(0);
  for (std::size_t i = 0; i < kSize; ++i) {
    if (is_padding(i)) continue;
    const float magnitude = std::abs(bucket.gradients[i]);
    const float lr = i < 90 ? 0.1F : 0.05F;
    EXPECT_NEAR(std::abs(bucket.weights[i] - before[i]), lr * magnitude / (magnitude + 1e-8F), 1e-6);
  }
}

TEST(OptimizerStep, SegmentsScaleRateAndDecay) {
  Bucket bucket;
  bucket.scalars.gradient_scale = 0.25F;
  const auto before = bucket.weights;
  bucket.sgd(0, 0.5F);
  for (std::size_t i = 0; i < 90; ++i) {
    EXPECT_NEAR(bucket.weights[i], before[i] - 0.1F * (0.25F * bucket.gradients[i] + 0.5F * before[i]), 1e-6);
  }
  for (std::size_t i = 96; i < 166; ++i) {
    EXPECT_NEAR(bucket.weights[i], before[i] - 0.05F * 0.25F * bucket.gradients[i], 1e-6);
  }
}

TEST(OptimizerStep, NormIsThatOfTheSegments) {
  Bucket bucket;
  double squares = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    if (!is_padding(i)) squares += double{bucket.gradients[i]} * double{bucket.gradients[i]};
  }
  EXPECT_FLOAT_EQ(bucket.norm(), static_cast<float>(std::sqrt(squares)));
}

TEST(OptimizerStep, NormDoesNotOverflowAndHidesNothing) {
  Bucket bucket;
  for (float& g : bucket.gradients) g *= 1e30F;  // squares are beyond float
  EXPECT_TRUE(std::isfinite(bucket.norm()));
  bucket.gradients[120] = HUGE_VALF;
  EXPECT_TRUE(std::isinf(bucket.norm()));
  bucket.gradients[3] = std::nanf("");
  EXPECT_TRUE(std::isnan(bucket.norm()));
}

// As torch.nn.utils.clip_grad_norm_: the factor is max_norm / (norm + 1e-6), at most 1.
TEST(OptimizerStep, ClipScalesTheGradientsDownOnly) {
  Bucket bucket;
  bucket.scalars.gradient_scale = 0.5F;
  bucket.clip(1.0F, 1.0F);  // the scaled norm is 0.5
  EXPECT_EQ(bucket.scalars.gradient_scale, 0.5F);
  bucket.clip(8.0F, 1.0F);  // 4
  EXPECT_NEAR(bucket.scalars.gradient_scale, 0.5 / 4, 1e-6);
  bucket.clip(std::nanf(""), 1.0F);
  EXPECT_TRUE(std::isnan(bucket.scalars.gradient_scale));
}

TEST(OptimizerStep, EmaMovesTowardsTheWeights) {
  Bucket bucket;
  const auto before = bucket.first;
  optimizer_step(bucket.place(), EmaStep<float>{.weights = Bucket::flat(bucket.weights),
                                                .average = Bucket::flat(bucket.first),
                                                .scalars = &bucket.scalars});
  for (std::size_t i = 0; i < kSize; ++i) {
    EXPECT_FLOAT_EQ(bucket.first[i], 0.9F * before[i] + (1 - 0.9F) * bucket.weights[i]);
  }
}

TEST(OptimizerStep, NamesASegmentOutsideTheBucket) {
  Bucket bucket;
  float norm = 0;
  const Segment segments[] = {kWeightSegment,
                              {.offset = 190, .length = 11, .decay_scale = 1, .learning_rate_scale = 1}};
  try {
    optimizer_step(Reference{}, GradientNorm<float>{.gradients = Bucket::flat(bucket.gradients),
                                                    .segments = segments,
                                                    .norm = {&norm, I{1}}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "optimizer_step: segment 1 covers 11 elements from 190, must lie in the bucket of I = 200");
  }
}

}  // namespace
}  // namespace cf::kernels
