#include "framework/state/background_saver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/data/expect_error.h"
#include "tests/scratch_folder.h"

namespace cf {
namespace {

namespace fs = std::filesystem;

// One tensor, in memory that every save takes anew.
class BackgroundSaverTest : public testing::Test {
 protected:
  void begin(BackgroundSaver& saver, std::int64_t step) {
    std::ranges::fill(bytes_, static_cast<std::byte>(step));
    saver.begin(step, sources_, {{"seed", "7"}}, {.raw = 0.5});
  }

  void expect_saved(std::int64_t step) const {
    const SafetensorsReader file(folder_.path() / "last");
    std::vector<std::byte> bytes(bytes_.size());
    file.read("model.w", bytes);
    EXPECT_EQ(bytes, std::vector<std::byte>(bytes_.size(), static_cast<std::byte>(step)));
    EXPECT_EQ(get_int(file.metadata(), "step"), step);
    EXPECT_EQ(get_string(file.metadata(), "seed"), "7");
    EXPECT_EQ(get_double(file.metadata(), "score"), 0.5);
  }

  fs::path path_of(const char* step) const {
    return folder_.path() / concat("step_00000000", step, ".safetensors");
  }

  ScratchFolder scratch_;
  RunLock lock_{scratch_.path()};
  CheckpointFolder folder_{lock_, {}, SyncPolicy::Cached};
  std::vector<std::byte> bytes_ = std::vector<std::byte>(100'000);
  std::vector<TensorSource> sources_{{{"model.w", DType::UInt8, {std::ssize(bytes_)}}, bytes_}};
};

TEST_F(BackgroundSaverTest, TellsHowEachSaveEndedOnce) {
  BackgroundSaver saver(folder_);
  EXPECT_FALSE(saver.wait());
  EXPECT_FALSE(saver.finished());
  for (std::int64_t step = 1; step <= 20; ++step) {
    begin(saver, step);
    auto outcome = saver.finished();
    while (step % 2 == 0 && !outcome) {
      std::this_thread::yield();
      outcome = saver.finished();
    }
    if (!outcome) outcome = saver.wait();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->step, step);
    EXPECT_FALSE(outcome->failure);
    expect_saved(step);
    EXPECT_FALSE(saver.finished());
    EXPECT_FALSE(saver.wait());
  }
}

TEST_F(BackgroundSaverTest, FinishesWhatHasBegunBeforeItGoes) {
  for (std::int64_t step = 1; step <= 10; ++step) {
    {
      BackgroundSaver saver(folder_);
      begin(saver, step);
    }
    expect_saved(step);
  }
}

TEST_F(BackgroundSaverTest, GivesTheErrorOfTheFolderAndGoesOn) {
  BackgroundSaver saver(folder_);
  begin(saver, 1);
  EXPECT_FALSE(saver.wait()->failure);
  fs::create_directory(path_of("2"));
  begin(saver, 2);
  const auto outcome = saver.wait();
  ASSERT_TRUE(outcome && outcome->failure);
  EXPECT_EQ(outcome->step, 2);
  expect_error(ErrorKind::Checkpoint, {path_of("2").native(), "not a regular file"},
               [&] { std::rethrow_exception(outcome->failure); });
  expect_saved(1);
  begin(saver, 3);
  EXPECT_FALSE(saver.wait()->failure);
  expect_saved(3);
}

TEST_F(BackgroundSaverTest, BeginsNoSaveBeforeTheOutcomeOfTheLastIsKnown) {
  BackgroundSaver saver(folder_);
  begin(saver, 1);
  expect_error(ErrorKind::Internal, {"step 2", "step 1"}, [&] { saver.begin(2, sources_, {}); });
  saver.wait();
  begin(saver, 3);
  saver.wait();
  expect_saved(3);
}

}  // namespace
}  // namespace cf
