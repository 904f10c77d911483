#include "apps/images/batch_mixing.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace cf::apps {
namespace {

constexpr std::size_t kMixedImages = 16, kClasses = 5;
constexpr data::ImageSize kMixedSize{24, 24};

Config mixing_config() {
  Config config;
  config.seed = 4;
  config.augment.mixup = 0.4;
  config.augment.cutmix = 1;
  config.augment.mixup_prob = 0.8;
  return config;
}

std::vector<std::int64_t> labels_of(std::size_t images) {
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < images; ++i) labels.push_back(static_cast<std::int64_t>(i * 3 % kClasses));
  return labels;
}

// All that is filled for images [first, first + labels.size()) of a batch, in one row each.
std::vector<double> filled(std::int64_t first, std::span<const std::int64_t> labels) {
  const BatchMixing mixing(mixing_config());
  const BatchMixing::Part part{.step = 7, .first = first, .size = kMixedSize};
  std::vector<float> shares(labels.size()), targets(labels.size() * kClasses);
  std::vector<std::int64_t> boxes(4 * labels.size()), main(labels.size());
  mixing.fill_shares(part, shares);
  mixing.fill_boxes(part, boxes);
  mixing.fill_targets(part, labels, targets);
  mixing.fill_main_labels(part, labels, main);
  std::vector<double> rows;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    rows.push_back(static_cast<double>(shares[i]));
    for (std::size_t k = 0; k < 4; ++k) rows.push_back(static_cast<double>(boxes[4 * i + k]));
    for (std::size_t k = 0; k < kClasses; ++k) rows.push_back(static_cast<double>(targets[kClasses * i + k]));
    rows.push_back(static_cast<double>(main[i]));
  }
  return rows;
}

TEST(BatchMixing, PartsOfABatchAreFilledAsTheWhole) {
  const auto labels = labels_of(kMixedImages);
  const auto whole = filled(0, labels);
  for (const std::size_t images : {2, 4, 8}) {
    std::vector<double> together;
    for (std::size_t first = 0; first < kMixedImages; first += images) {
      const auto part = filled(static_cast<std::int64_t>(first), std::span(labels).subspan(first, images));
      together.insert(together.end(), part.begin(), part.end());
    }
    EXPECT_EQ(together, whole) << images;
  }
}

TEST(BatchMixing, TargetsAreTheLabelsOfBothByTheirShares) {
  const auto labels = labels_of(kMixedImages);
  const BatchMixing mixing(mixing_config());
  const BatchMixing::Part part{.step = 7, .first = 0, .size = kMixedSize};
  std::vector<float> targets(kMixedImages * kClasses);
  std::vector<std::int64_t> main(kMixedImages);
  mixing.fill_targets(part, labels, targets);
  mixing.fill_main_labels(part, labels, main);
  for (std::size_t i = 0; i < kMixedImages; ++i) {
    const auto pair = static_cast<std::int64_t>(i / 2);
    const float own =
        data::draw_pair_mix({.mixup = 0.4, .cutmix = 1, .probability = 0.8}, 4, 7, pair, kMixedSize)
            .label_share;
    std::vector<float> expected(kClasses, 0.0F);
    expected[static_cast<std::size_t>(labels[i])] = own;
    expected[static_cast<std::size_t>(labels[i ^ 1])] += 1 - own;
    for (std::size_t k = 0; k < kClasses; ++k) EXPECT_EQ(targets[kClasses * i + k], expected[k]) << i;
    EXPECT_EQ(main[i], own >= 0.5F ? labels[i] : labels[i ^ 1]);
  }
}

TEST(BatchMixing, IsOffUnlessAskedFor) {
  EXPECT_FALSE(BatchMixing(Config{}).any());
  EXPECT_TRUE(BatchMixing(mixing_config()).any());
}

}  // namespace
}  // namespace cf::apps
