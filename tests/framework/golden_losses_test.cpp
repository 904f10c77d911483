// The losses against PyTorch's.
#include <gtest/gtest.h>

#include "kernels/cross_entropy/cross_entropy.h"
#include "tests/framework/golden_file.h"

namespace cf {
namespace {

using kernels::ClassificationTarget;
using kernels::LossKind;

constexpr N kSamples{6};
constexpr K kClasses{11};

// Loss and gradient of the file's logits in T at the place, against its tensors `key` and `grads.key`.
template <class T, class Place>
void expect_golden_loss(Place place, const std::string& key, double tolerance) {
  const GoldenFile golden("losses");
  const auto logits64 = golden.values("logits"), soft64 = golden.values("soft_targets");
  const auto labels = golden.integers("labels");
  const std::vector<T> logits(logits64.begin(), logits64.end()), soft(soft64.begin(), soft64.end());
  const View<const T, N, K> rows(logits.data(), kSamples, kClasses);
  const LossKind kind = key == "bce" ? LossKind::BinaryCrossEntropy : LossKind::CrossEntropy;
  ClassificationTarget<T> target{.smoothing = key == "smooth" ? 0.1F : 0.0F};
  if (key == "soft") {
    target.soft_targets = {soft.data(), kSamples, kClasses};
  } else {
    target.labels = {labels.data(), kSamples};
  }
  std::vector<T> sample_loss(6), mean_loss(1), dlogits(logits.size());
  kernels::cross_entropy(place, kernels::LossForward<T>{.kind = kind,
                                                        .logits = rows,
                                                        .target = target,
                                                        .sample_loss = {sample_loss.data(), kSamples},
                                                        .mean_loss = {mean_loss.data(), I{1}}});
  const T one = 1;
  kernels::cross_entropy(place, kernels::LossBackward<T>{.kind = kind,
                                                         .logits = rows,
                                                         .target = target,
                                                         .dloss = {&one, I{1}},
                                                         .dlogits = {dlogits.data(), kSamples, kClasses}});
  EXPECT_LT(relative_error(mean_loss, golden.values(key)), tolerance) << key;
  EXPECT_LT(relative_error(dlogits, golden.values("grads." + key)), tolerance) << key;
}

TEST(GoldenLosses, EqualPyTorch) {
  Threads threads(2);
  for (const std::string key : {"smooth", "soft", "bce"}) {
    expect_golden_loss<double>(Reference{}, key, 1e-6);
    expect_golden_loss<float>(Reference{}, key, 1e-5);
    expect_golden_loss<float>(Cpu{&threads}, key, 1e-5);
  }
}

}  // namespace
}  // namespace cf
