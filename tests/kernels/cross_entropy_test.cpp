#include "kernels/cross_entropy/cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/kernels/directional_derivative.h"

namespace cf::kernels {
namespace {

constexpr N kSamples{7};
constexpr K kClasses{13};

template <class T>
struct Loss {
  LossKind kind;
  float smoothing = 0;
  bool soft = false;
  K classes = kClasses;
  std::vector<T> logits = random_normal<T>(kSamples.value * kClasses.value, 1, 0.5, 3);
  std::vector<std::int64_t> labels{3, 0, 12, 5, 5, 1, 7};
  std::vector<T> soft_targets = random_normal<T>(kSamples.value * kClasses.value, 2, 0.3, 0.2);
  std::vector<T> sample_loss = std::vector<T>(7);

  View<T, N, K> matrix(std::vector<T>& values) const { return {values.data(), kSamples, classes}; }
  ClassificationTarget<T> target() {
    if (soft) return {.soft_targets = matrix(soft_targets), .smoothing = smoothing};
    return {.labels = {labels.data(), kSamples}, .smoothing = smoothing};
  }

  template <class Place>
  T forward(Place place) {
    T mean_loss = 0;
    cross_entropy(place, LossForward<T>{.kind = kind,
                                        .logits = matrix(logits),
                                        .target = target(),
                                        .sample_loss = {sample_loss.data(), kSamples},
                                        .mean_loss = {&mean_loss, I{1}}});
    return mean_loss;
  }

  template <class Place>
  std::vector<T> backward(Place place, T dloss) {
    std::vector<T> dlogits(logits.size());
    cross_entropy(place, LossBackward<T>{.kind = kind,
                                         .logits = matrix(logits),
                                         .target = target(),
                                         .dloss = {&dloss, I{1}},
                                         .dlogits = matrix(dlogits)});
    return dlogits;
  }
};

constexpr LossKind kLossKinds[] = {LossKind::CrossEntropy, LossKind::BinaryCrossEntropy};

TEST(CrossEntropy, GradientsMatchDifferences) {
  for (const auto kind : kLossKinds) {
    for (const bool soft : {false, true}) {
      Loss<double> loss{.kind = kind, .smoothing = 0.1F, .soft = soft};
      const auto dlogits = loss.backward(Reference{}, 1.7);
      expect_gradient(soft ? "soft" : "labels", loss.logits, dlogits,
                      [&] { return 1.7 * loss.forward(Reference{}); });
    }
  }
}

TEST(CrossEntropy, IgnoresAShiftOfTheLogits) {
  Loss<double> loss{.kind = LossKind::CrossEntropy, .smoothing = 0.1F};
  const double before = loss.forward(Reference{});
  const auto gradient = loss.backward(Reference{}, 1);
  for (double& z : loss.logits) z += 1000;
  EXPECT_NEAR(loss.forward(Reference{}), before, 1e-11);
  const auto shifted = loss.backward(Reference{}, 1);
  for (std::size_t i = 0; i < gradient.size(); ++i) EXPECT_NEAR(gradient[i], shifted[i], 1e-12);
}

TEST(CrossEntropy, GradientsOfASampleSumToZero) {
  Loss<double> loss{.kind = LossKind::CrossEntropy, .smoothing = 0.3F, .soft = true};
  const auto gradient = loss.backward(Reference{}, 1);
  for (std::size_t n = 0; n < 7; ++n) {
    double sum = 0;
    for (std::size_t k = 0; k < 13; ++k) sum += gradient[n * 13 + k];
    EXPECT_NEAR(sum, 0, 1e-14);
  }
}

// Logits up to 1e4 either way: no overflow, and a loss far below the rounding of the largest exponential.
TEST(CrossEntropy, IsStableForLargeLogits) {
  Threads threads(2);
  for (const auto kind : kLossKinds) {
    for (const float factor : {1e4F, -1e4F}) {
      Loss<float> loss{.kind = kind};
      for (float& z : loss.logits) z *= factor;
      EXPECT_TRUE(std::isfinite(loss.forward(Cpu{&threads})));
      EXPECT_TRUE(std::isfinite(loss.forward(Reference{})));
      for (const float d : loss.backward(Cpu{&threads}, 1)) EXPECT_TRUE(std::isfinite(d));
      for (const float d : loss.backward(Reference{}, 1)) EXPECT_TRUE(std::isfinite(d));
    }
  }
  Loss<float> certain{.kind = LossKind::CrossEntropy};
  for (std::size_t n = 0; n < 7; ++n) {
    for (std::size_t k = 0; k < 13; ++k) {
      certain.logits[n * 13 + k] = static_cast<std::int64_t>(k) == certain.labels[n] ? 25.0F : 0.0F;
    }
  }
  const double expected = std::log1p(12 * std::exp(-25.0));  // 1.7e-10
  EXPECT_NEAR(certain.forward(Cpu{&threads}), expected, 1e-5 * expected);
  EXPECT_NEAR(certain.forward(Reference{}), expected, 1e-5 * expected);
}

TEST(CrossEntropy, AMaskedLogitOfMinusInfinityLeavesTheLossFinite) {
  Threads threads(1);
  Loss<float> loss{.kind = LossKind::CrossEntropy};
  for (std::size_t n = 0; n < 7; ++n) loss.logits[n * 13 + 9] = -HUGE_VALF;  // no sample's label
  EXPECT_NEAR(loss.forward(Cpu{&threads}), loss.forward(Reference{}), 1e-5);
  EXPECT_TRUE(std::isfinite(loss.forward(Cpu{&threads})));
  EXPECT_EQ(loss.backward(Cpu{&threads}, 1)[9], 0);
}

TEST(CrossEntropy, ANaNIsNotHidden) {
  Threads threads(1);
  for (const auto kind : kLossKinds) {
    Loss<float> loss{.kind = kind};
    loss.logits[2 * 13 + 4] = std::nanf("");
    EXPECT_TRUE(std::isnan(loss.forward(Cpu{&threads})));
    for (std::size_t n = 0; n < 7; ++n) EXPECT_EQ(std::isnan(loss.sample_loss[n]), n == 2);
    EXPECT_TRUE(std::isnan(loss.forward(Reference{})));
  }
}

TEST(CrossEntropy, AWrongLabelIsADataErrorThatNamesTheSample) {
  Threads threads(1);
  for (const std::int64_t wrong : {std::int64_t{-1}, kClasses.value}) {
    Loss<float> loss{.kind = LossKind::CrossEntropy};
    loss.labels[4] = wrong;
    const auto expect_refusal = [&](const auto& run) {
      try {
        run();
        ADD_FAILURE() << "no error";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Data);
        EXPECT_EQ(error.what(),
                  concat("cross_entropy: the label of sample 4 is ", wrong, ", must be in [0, 13)"));
      }
    };
    expect_refusal([&] { loss.forward(Cpu{&threads}); });
    expect_refusal([&] { loss.backward(Cpu{&threads}, 1); });
    expect_refusal([&] { loss.forward(Reference{}); });
  }
}

TEST(CrossEntropy, WantsExactlyOneKindOfTarget) {
  Loss<double> loss{.kind = LossKind::CrossEntropy};
  double mean_loss = 0;
  LossForward<double> args{.kind = loss.kind,
                           .logits = loss.matrix(loss.logits),
                           .sample_loss = {loss.sample_loss.data(), kSamples},
                           .mean_loss = {&mean_loss, I{1}}};
  EXPECT_THROW(cross_entropy(Reference{}, args), Error);
  args.target.labels = {loss.labels.data(), kSamples};
  EXPECT_NO_THROW(cross_entropy(Reference{}, args));
  args.target.soft_targets = loss.matrix(loss.soft_targets);
  EXPECT_THROW(cross_entropy(Reference{}, args), Error);
}

}  // namespace
}  // namespace cf::kernels
