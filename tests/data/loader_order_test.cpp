// Which samples a loader gives in which order: epochs, ranks, blocks read ahead, repeats.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/data/expect_error.h"
#include "tests/data/loader_batches.h"

namespace cf::data {
namespace {

TEST(Loader, EpochsAreShuffledAndComplete) {
  const auto data = synthetic("samples=48,size=8");
  const auto batches = take(*data, training(8, 2), 12);
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<std::int64_t> samples;
    for (int b = 0; b < 6; ++b) {
      const Batch& batch = batches[static_cast<std::size_t>(epoch * 6 + b)];
      EXPECT_EQ(batch.epoch, epoch);
      EXPECT_EQ(batch.index, b);
      for (std::size_t i = 0; i < batch.samples.size(); ++i) {
        samples.push_back(batch.samples[i]);
        EXPECT_EQ(batch.labels[i], data->label(batch.samples[i]));
      }
    }
    EXPECT_FALSE(std::is_sorted(samples.begin(), samples.end()));
    std::sort(samples.begin(), samples.end());
    for (std::int64_t i = 0; i < 48; ++i) EXPECT_EQ(samples[static_cast<std::size_t>(i)], i);
  }
  EXPECT_NE(batches[0].samples, batches[6].samples);
}

TEST(Loader, EvaluationCountsEverySampleOnceThenEnds) {
  const auto data = synthetic();
  for (const int batch : {1, 7, 50, 64}) {
    Loader loader(*data, evaluation(batch, 2));
    EXPECT_EQ(loader.batches_per_epoch(), (50 + batch - 1) / batch);
    std::int64_t next = 0;
    while (true) {
      const Batch got = loader.next();
      if (got.size() == 0) break;
      for (const auto sample : got.samples) EXPECT_EQ(sample, next++);
    }
    EXPECT_EQ(next, 50);
    EXPECT_EQ(loader.next().size(), 0);
  }
}

TEST(Loader, RanksTogetherGiveTheBatchOfOne) {
  const auto data = synthetic();
  const auto whole = take(*data, training(12, 2), 8);
  for (int rank = 0; rank < 3; ++rank) {
    LoaderOptions options = training(4, 2);
    options.ranks = 3;
    options.rank = rank;
    const auto parts = take(*data, options, 8);
    const std::size_t bytes = parts[0].images.size();
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const auto first = whole[i].images.begin() + static_cast<std::ptrdiff_t>(bytes) * rank;
      EXPECT_TRUE(std::equal(parts[i].images.begin(), parts[i].images.end(), first));
    }
  }
  std::multiset<std::int64_t> seen;
  for (int rank = 0; rank < 3; ++rank) {
    LoaderOptions options = evaluation(7, 2);
    options.ranks = 3;
    options.rank = rank;
    Loader loader(*data, options);
    for (Batch batch = loader.next(); batch.size() > 0; batch = loader.next()) {
      seen.insert(batch.samples.begin(), batch.samples.end());
    }
  }
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_EQ(std::set<std::int64_t>(seen.begin(), seen.end()).size(), 50u);
}

// Single pixels, which notes what will be read, and whether what is read was announced.
class Announced final : public Dataset {
 public:
  explicit Announced(std::int64_t size) : ahead_(static_cast<std::size_t>(size)) {}
  std::int64_t size() const override { return std::ssize(ahead_); }
  int channels() const override { return 1; }
  const std::vector<std::string>& class_names() const override { return classes_; }
  std::int64_t label(std::int64_t) const override { return 0; }
  std::string name(std::int64_t sample) const override { return concat(sample); }
  void read(std::int64_t sample, EncodedImage& out) const override {
    out.encoding = ImageEncoding::Raw;
    out.height = out.width = out.channels = 1;
    out.bytes.assign(1, static_cast<std::uint8_t>(sample));
    unannounced += --ahead_[static_cast<std::size_t>(sample)] < 0;
  }
  void will_read(std::int64_t first, std::int64_t count) const override {
    for (std::int64_t i = 0; i < count; ++i) ++ahead_.at(static_cast<std::size_t>(first + i));
    ++runs;
  }
  mutable int unannounced = 0, runs = 0;

 private:
  mutable std::vector<int> ahead_;
  std::vector<std::string> classes_{"one"};
};

TEST(Loader, ByBlocksReadsAheadWhatComes) {
  constexpr int kSize = 40007, kBatch = 100;
  const Announced data(kSize);
  LoaderOptions options = training(kBatch, 1);
  options.height = options.width = 1;
  options.shuffle = Shuffle::Block;
  options.first_batch = 200;                     // in the second window
  const int taken = kSize / kBatch - 200 + 300;  // over the end of an epoch
  take(data, options, taken);
  EXPECT_EQ(data.unannounced, 0);
  EXPECT_LT(data.runs, (taken + options.queue) * kBatch / EpochOrder::kBlock + 2 * EpochOrder::kWindowBlocks);
}

TEST(Loader, ByBlocksIsTheSameForAnyThreadsRanksAndAfterAResume) {
  const auto data = synthetic("samples=200,size=8");
  LoaderOptions options = training(24, 1);
  options.height = options.width = 8;
  options.shuffle = Shuffle::Block;
  const auto expected = take(*data, options, 20);
  options.threads = 5;
  const auto threaded = take(*data, options, 20);
  for (std::size_t b = 0; b < 20; ++b) EXPECT_TRUE(equal(threaded[b], expected[b]));
  options.first_epoch = 1;
  options.first_batch = 3;
  EXPECT_TRUE(equal(take(*data, options, 1)[0], expected[11]));
  options = training(8, 2);
  options.height = options.width = 8;
  options.shuffle = Shuffle::Block;
  options.ranks = 3;
  options.rank = 1;
  const Batch part = take(*data, options, 1)[0];
  EXPECT_TRUE(std::equal(part.samples.begin(), part.samples.end(), expected[0].samples.begin() + 8));
}

TEST(Loader, RepeatsComeInOneGlobalBatchForAnyRanks) {
  const auto data = synthetic("samples=50,size=16");
  LoaderOptions options = training(12, 2);
  options.repeats = 3;
  const auto whole = take(*data, options, 8);
  for (const Batch& batch : whole) {
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(batch.samples[i], batch.samples[i + 4]);
      EXPECT_EQ(batch.samples[i], batch.samples[i + 8]);
      const std::size_t bytes = batch.images.size() / 12;
      const auto image = [&](std::size_t at) {
        return std::vector(batch.images.begin() + static_cast<std::ptrdiff_t>(at * bytes),
                           batch.images.begin() + static_cast<std::ptrdiff_t>((at + 1) * bytes));
      };
      EXPECT_NE(image(i), image(i + 4)) << "augmented alike";
    }
  }
  // An epoch has 4 batches of 4 samples each, all different.
  std::set<std::int64_t> seen;
  for (std::size_t b = 0; b < 4; ++b) seen.insert(whole[b].samples.begin(), whole[b].samples.end());
  EXPECT_EQ(seen.size(), 16u);
  options.batch = 4;
  options.ranks = 3;
  for (int rank = 0; rank < 3; ++rank) {
    options.rank = rank;
    const auto part = take(*data, options, 8);
    for (std::size_t b = 0; b < 8; ++b) {
      EXPECT_TRUE(
          std::equal(part[b].samples.begin(), part[b].samples.end(), whole[b].samples.begin() + 4 * rank));
      EXPECT_TRUE(
          std::equal(part[b].images.begin(), part[b].images.end(),
                     whole[b].images.begin() + static_cast<std::ptrdiff_t>(part[b].images.size()) * rank));
    }
  }
  options.repeats = 5;
  expect_error(ErrorKind::Usage, {"5 repeats", "batch of 12"}, [&] { take(*data, options, 1); });
}

}  // namespace
}  // namespace cf::data
