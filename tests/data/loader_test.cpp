// The bytes that a loader gives: the same for any threads, after a resume, in memory used again.
#include "data/loader.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/data/loader_batches.h"

namespace cf::data {
namespace {

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

}  // namespace
}  // namespace cf::data
