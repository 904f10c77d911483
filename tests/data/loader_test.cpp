#include "data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "data/dataset.h"
#include "tests/data/expect_error.h"

namespace cf::data {
namespace {

LoaderOptions training(int batch, int threads) {
  LoaderOptions options;
  options.batch = batch;
  options.height = options.width = 24;
  options.threads = threads;
  options.seed = 7;
  options.shuffle = Shuffle::Full;
  options.augment = options.drop_last = true;
  return options;
}

LoaderOptions evaluation(int batch, int threads) {
  LoaderOptions options;
  options.batch = batch;
  options.height = options.width = 20;
  options.threads = threads;
  options.crop = 0.875f;
  return options;
}

bool equal(const Batch& a, const Batch& b) {
  return a.images == b.images && a.labels == b.labels && a.samples == b.samples && a.epoch == b.epoch &&
         a.index == b.index && a.height == b.height && a.width == b.width && a.channels == b.channels;
}

std::vector<Batch> take(const Dataset& dataset, const LoaderOptions& options, int count) {
  Loader loader(dataset, options);
  std::vector<Batch> batches;
  for (int i = 0; i < count; ++i) batches.push_back(loader.next());
  return batches;
}

std::unique_ptr<Dataset> synthetic(const std::string& options = "samples=50,size=32") {
  return open_dataset("synthetic:" + options, Split::Train);
}

// Fails for chosen samples.
class Faulty final : public Dataset {
 public:
  explicit Faulty(std::set<std::int64_t> bad) : bad_(std::move(bad)), good_(synthetic()) {}
  std::int64_t size() const override { return good_->size(); }
  int channels() const override { return 3; }
  const std::vector<std::string>& class_names() const override { return good_->class_names(); }
  std::int64_t label(std::int64_t sample) const override { return good_->label(sample); }
  std::string name(std::int64_t sample) const override { return concat("folder/", sample, ".jpg"); }
  void read(std::int64_t sample, EncodedImage& out) const override {
    good_->read(sample, out);
    if (bad_.contains(sample)) {
      out.encoding = ImageEncoding::Jpeg;
      out.bytes.resize(10);
    }
  }

 private:
  std::set<std::int64_t> bad_;
  std::unique_ptr<Dataset> good_;
};

TEST(Loader, GivesTheSameBatchesForAnyNumberOfThreadsAndQueue) {
  const auto data = synthetic();
  const auto expected = take(*data, training(8, 1), 15);
  for (const int threads : {2, 3, 7}) {
    LoaderOptions options = training(8, threads);
    options.queue = threads == 3 ? 1 : 5;
    const auto batches = take(*data, options, 15);
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(equal(batches[i], expected[i])) << i;
  }
  EXPECT_FALSE(expected[0].images == expected[6].images);
}

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

TEST(Loader, ResumesAtAnyBatchWithTheSameBytes) {
  const auto data = synthetic();
  const auto expected = take(*data, training(8, 2), 20);  // 6 batches an epoch
  for (const int at : {1, 5, 6, 13}) {
    LoaderOptions options = training(8, 3);
    options.first_epoch = at / 6;
    options.first_batch = at % 6;
    const auto batches = take(*data, options, 20 - at);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      EXPECT_TRUE(equal(batches[i], expected[i + static_cast<std::size_t>(at)])) << at << " " << i;
    }
  }
  LoaderOptions end_of_epoch = training(8, 1);
  end_of_epoch.first_batch = 6;  // a position just behind epoch 0 is the beginning of epoch 1
  EXPECT_TRUE(equal(take(*data, end_of_epoch, 1)[0], expected[6]));
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

TEST(Loader, SaysWhatItsThreadsHaveDone) {
  const auto data = synthetic();
  LoaderOptions options = training(8, 2);
  options.augmentation.appearance.erase = 1;
  Loader loader(*data, options);
  for (int i = 0; i < 10; ++i) loader.next();
  const LoaderWork work = loader.work();
  EXPECT_GE(work.images, 80);
  EXPECT_GT(work.seconds.read, 0);
  EXPECT_GT(work.seconds.decode, 0);
  EXPECT_GT(work.seconds.resize, 0);
  EXPECT_GT(work.seconds.augment, 0);
}

TEST(Loader, AnErrorReachesItsBatchWithTheNameOfTheFirstBadSample) {
  for (const int threads : {1, 3}) {
    const Faulty data({10, 9, 31});
    Loader loader(data, evaluation(8, threads));
    EXPECT_EQ(loader.next().size(), 8);
    expect_error(ErrorKind::Data, {"folder/9.jpg", "JPEG"}, [&] { loader.next(); });
    EXPECT_EQ(loader.next().samples[0], 16);
    expect_error(ErrorKind::Data, {"folder/31.jpg"}, [&] { loader.next(); });
    EXPECT_EQ(loader.next().samples[0], 32);
  }
}

TEST(Loader, SubstitutesTheNextReadableSampleOfTheClass) {
  const Faulty data({9, 19, 49});  // of class 9, as are 29 and 39
  LoaderOptions options = training(10, 1);
  options.on_corrupt = OnCorrupt::Substitute;
  const auto expected = take(data, options, 5);
  std::multiset<std::int64_t> seen;
  for (const Batch& batch : expected) {
    for (std::size_t i = 0; i < batch.samples.size(); ++i) {
      seen.insert(batch.samples[i]);
      EXPECT_EQ(batch.labels[i], data.label(batch.samples[i]));
    }
  }
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_EQ(seen.count(9) + seen.count(19) + seen.count(49), 0u);
  EXPECT_EQ(seen.count(29), 4u);
  options.threads = 3;
  std::vector<BadRecord> corrupt;
  options.on_substitute = [&](const BadRecord& record, std::int64_t count) {
    corrupt.push_back(record);
    EXPECT_EQ(count, std::ssize(corrupt));
  };
  {
    Loader loader(data, options);
    for (const Batch& batch : expected) EXPECT_TRUE(equal(loader.next(), batch));
  }
  std::sort(corrupt.begin(), corrupt.end(), [](const auto& a, const auto& b) { return a.sample < b.sample; });
  ASSERT_EQ(corrupt.size(), 3u);
  EXPECT_EQ(corrupt[1].sample, 19);
  EXPECT_NE(corrupt[1].message.find("folder/19.jpg"), std::string::npos);
}

TEST(Loader, TooManyCorruptSamplesAreAnError) {
  LoaderOptions options = training(50, 2);
  options.on_corrupt = OnCorrupt::Substitute;
  options.corrupt_limit = 2;
  const Faulty three({9, 19, 49});
  expect_error(ErrorKind::Data, {"3 samples are corrupt", "limit of 2", "folder/"},
               [&] { take(three, options, 1); });
  options.corrupt_limit = 100;
  const Faulty all_of_a_class({9, 19, 29, 39, 49});
  expect_error(ErrorKind::Data, {"folder/"}, [&] { take(all_of_a_class, options, 1); });
  LoaderOptions in_evaluation = evaluation(8, 1);
  in_evaluation.on_corrupt = OnCorrupt::Substitute;
  expect_error(ErrorKind::Usage, {"training only"}, [&] { Loader loader(three, in_evaluation); });
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

TEST(Loader, EveryAugmentationIsTheSameForAnyThreadsAndAfterAResume) {
  const auto data = synthetic("samples=40,size=24");
  LoaderOptions options = training(8, 1);
  auto& appearance = options.augmentation.appearance;
  appearance.rand_augment = parse_rand_augment("rand-m9-n2-mstd0.5-inc1");
  appearance.jitter = {0.4f, 0.4f, 0.4f, 0.1f};
  appearance.grey = 0.2f;
  appearance.erase = 0.5f;
  const auto expected = take(*data, options, 10);
  for (const int threads : {3, 16}) {
    options.threads = threads;
    const auto got = take(*data, options, 10);
    for (std::size_t b = 0; b < 10; ++b) EXPECT_TRUE(equal(got[b], expected[b]));
  }
  options.first_epoch = 1;
  options.first_batch = 2;
  const auto resumed = take(*data, options, 3);
  for (std::size_t b = 0; b < 3; ++b) EXPECT_TRUE(equal(resumed[b], expected[7 + b]));
}

TEST(Loader, EndsAtAnyMoment) {
  const auto data = synthetic("samples=64,size=64");
  for (int taken = 0; taken < 6; ++taken) {
    LoaderOptions options = training(16, 3);
    options.height = options.width = 64;
    Loader loader(*data, options);
    for (int i = 0; i < taken; ++i) loader.next();
  }
}

TEST(Loader, RecycledMemoryDoesNotChangeTheBytes) {
  const auto data = synthetic();
  const auto expected = take(*data, training(8, 2), 12);
  Loader loader(*data, training(8, 2));
  for (const Batch& batch : expected) {
    Batch got = loader.next();
    EXPECT_TRUE(equal(got, batch));
    loader.recycle(std::move(got));
  }
}

TEST(Loader, CountsTheTimeTheConsumerWaits) {
  const auto data = synthetic();
  Loader loader(*data, training(8, 1));
  for (int i = 0; i < 30; ++i) loader.next();
  const double waited = loader.waited_seconds();
  EXPECT_GT(waited, 0.0);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  loader.next();
  EXPECT_LT(loader.waited_seconds() - waited, 0.1);
}

TEST(Loader, RefusesOptionsThatCannotWork) {
  const auto data = synthetic();
  expect_error(ErrorKind::Usage, {"64", "50"}, [&] { Loader loader(*data, training(64, 1)); });
  expect_error(ErrorKind::Usage, {"batch is 0"}, [&] { Loader loader(*data, training(0, 1)); });
  expect_error(ErrorKind::Usage, {"threads is 0"}, [&] { Loader loader(*data, training(8, 0)); });
  LoaderOptions beyond = training(8, 1);
  beyond.first_batch = 7;
  expect_error(ErrorKind::Usage, {"batch 7", "6 batches"}, [&] { Loader loader(*data, beyond); });
  LoaderOptions flip = training(8, 1);
  flip.augmentation.flip = 1.5f;
  expect_error(ErrorKind::Usage, {"flip", "1.5"}, [&] { Loader loader(*data, flip); });
}

TEST(Loader, ConvertsChannels) {
  const auto data = synthetic("samples=4,channels=1,size=20");
  LoaderOptions options = evaluation(4, 1);
  options.crop = 1;
  options.channels = 3;
  const Batch colour = take(*data, options, 1)[0];
  options.channels = 0;
  const Batch grey = take(*data, options, 1)[0];
  ASSERT_EQ(grey.channels, 1);
  ASSERT_EQ(colour.images.size(), 3 * grey.images.size());
  for (std::size_t i = 0; i < colour.images.size(); ++i) EXPECT_EQ(colour.images[i], grey.images[i / 3]);
}

TEST(Loader, ABatchWithoutMemoryIsAnErrorOfTheConsumer) {
  const auto dataset = synthetic();
  LoaderOptions options = evaluation(2, 2);
  options.height = 1 << 30;
  options.width = 2147483647;
  Loader loader(*dataset, options);
  expect_error(ErrorKind::Device, {"no memory for a batch of 2 images of 1073741824x2147483647 pixels"},
               [&] { loader.next(); });
}

}  // namespace
}  // namespace cf::data
