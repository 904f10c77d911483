#include "apps/data_command/preview_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "apps/images/batch_mixing.h"
#include "apps/images/loader_options.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

Config preview_config(std::vector<std::string> settings = {}) {
  settings.insert(settings.begin(), {"train.batch=24", "train.norm_batch=24", "augment.erase=0.5"});
  return load_config("synthetic.toml", settings).config;
}

std::unique_ptr<data::Dataset> pictures(int samples) {
  return data::open_dataset(concat("synthetic:classes=4,size=16,channels=3,samples=", samples),
                            data::Split::Train);
}

// The batches of the first steps of an epoch, as training loads them.
std::vector<std::uint8_t> bytes_of_steps(const data::Dataset& dataset, const Config& config, int epoch,
                                         int steps) {
  data::Loader loader(dataset, training_loader_options(config, epoch, 1));
  std::vector<std::uint8_t> bytes;
  for (int step = 0; step < steps; ++step) {
    const data::Batch batch = loader.next();
    bytes.insert(bytes.end(), batch.images.begin(), batch.images.end());
  }
  return bytes;
}

TEST(PreviewBatch, ShowsTheFirstImagesOfTheFirstSteps) {
  const auto dataset = pictures(100);
  for (const char* repeats : {"augment.repeats=1", "augment.repeats=3"}) {
    const Config config = preview_config({"model.channels=3", repeats});
    const auto all = bytes_of_steps(*dataset, config, 2, 4);
    for (const int count : {1, 5, 24, 30, 96, 1000}) {
      const data::Batch shown = training_preview(*dataset, config, {.count = count, .epoch = 2});
      ASSERT_EQ(shown.size(), std::min(count, 96));
      ASSERT_LE(shown.images.size(), all.size());
      EXPECT_TRUE(std::equal(shown.images.begin(), shown.images.end(), all.begin())) << count;
    }
  }
}

// By the definition, on bytes: own x + (1 - own) partner, rounded.
TEST(PreviewBatch, MixesPairsAsTheStepDoes) {
  const auto dataset = pictures(100);
  const Config config =
      preview_config({"model.channels=3", "augment.mixup=0.8", "augment.cutmix=1", "augment.mixup_prob=0.9"});
  const data::Batch plain = training_preview(*dataset, config, {.count = 24, .epoch = 1, .mixes = false});
  EXPECT_EQ(plain.images, bytes_of_steps(*dataset, config, 1, 1));
  const data::Batch mixed = training_preview(*dataset, config, {.count = 24, .epoch = 1});
  const std::int64_t step = 100 / 24;  // of the first batch of epoch 1
  std::vector<float> shares(24);
  std::vector<std::int64_t> boxes(4 * 24);
  const BatchMixing mixing(config);
  const BatchMixing::Part part{.step = step, .first = 0, .size = {mixed.height, mixed.width}};
  mixing.fill_shares(part, shares);
  mixing.fill_boxes(part, boxes);
  const std::size_t row = static_cast<std::size_t>(mixed.width) * 3,
                    image = row * static_cast<std::size_t>(mixed.height);
  double worst = 0;
  for (std::size_t i = 0; i < mixed.images.size(); ++i) {
    const std::size_t n = i / image, partner = i - n * image + (n ^ 1) * image;
    const auto y = static_cast<std::int64_t>(i % image / row), x = static_cast<std::int64_t>(i % row / 3);
    const std::int64_t* box = &boxes[4 * n];
    const bool inside = y >= box[0] && y < box[2] && x >= box[1] && x < box[3];
    const double own = inside ? 0 : static_cast<double>(shares[n]);
    worst = std::max(worst,
                     std::abs(own * plain.images[i] + (1 - own) * plain.images[partner] - mixed.images[i]));
  }
  EXPECT_LT(worst, 0.501);
  EXPECT_NE(mixed.images, plain.images);
}

TEST(PreviewBatch, ASmallDataSetIsOneBatch) {
  const Config mixes = preview_config({"model.channels=3", "augment.mixup=1"});
  EXPECT_EQ(training_preview(*pictures(7), mixes, {.count = 64}).size(), 6) << "whole pairs";
  EXPECT_EQ(training_preview(*pictures(7), mixes, {.count = 64, .mixes = false}).size(), 7);
  try {
    training_preview(*pictures(1), mixes, {});
    FAIL() << "one image is no pair";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage) << error.what();
  }
}

TEST(PreviewBatch, EvaluationShowsTheStoredOrder) {
  const auto dataset = pictures(10);
  const data::Batch shown = evaluation_preview(*dataset, preview_config({"model.channels=3"}), 4);
  EXPECT_EQ(shown.samples, (std::vector<std::int64_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace cf::apps
