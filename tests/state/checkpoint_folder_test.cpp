#include "framework/state/checkpoint_folder.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <numeric>
#include <thread>

#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"
#include "tests/state/child_process.h"

namespace cf {
namespace {

namespace fs = std::filesystem;

// A run with checkpoints of one tensor, whose bytes are the step's.
class CheckpointFolderTest : public testing::Test {
 protected:
  CheckpointFolder open(Retention retention = {}) { return {lock_, retention, SyncPolicy::Cached}; }

  static fs::path save(CheckpointFolder& folder, std::int64_t step, const CheckpointScores& scores = {},
                       std::size_t size = 64) {
    const std::vector<std::byte> bytes(size, static_cast<std::byte>(step));
    const std::vector<TensorSource> sources{
        {{"model.w", DType::UInt8, {static_cast<std::int64_t>(size)}}, bytes}};
    return folder.save(step, sources, {{"seed", "7"}}, scores);
  }

  std::vector<std::int64_t> steps() const {
    std::vector<std::int64_t> steps;
    for (const auto& file : list_checkpoints(checkpoints())) steps.push_back(file.step);
    return steps;
  }

  std::string link(const char* name) const {
    std::error_code absent;
    return fs::read_symlink(checkpoints() / name, absent).native();
  }

  fs::path checkpoints() const { return scratch_ / "checkpoints"; }

  static void damage(const fs::path& path) {
    auto bytes = read_bytes(path);
    bytes.back() ^= 1;
    write_bytes(path, bytes);
  }

  using Steps = std::vector<std::int64_t>;
  ScratchFolder scratch_;
  RunLock lock_{scratch_.path()};
};

TEST_F(CheckpointFolderTest, NamesLinksAndMetadata) {
  auto folder = open();
  const auto path = save(folder, 1234, {0.25, 0.5});
  EXPECT_EQ(path.filename(), "step_000001234.safetensors");
  for (const char* name : {"last", "best", "best_ema"}) EXPECT_EQ(link(name), "step_000001234.safetensors");
  const SafetensorsReader reader(folder.path() / "last");
  reader.verify();
  EXPECT_EQ(get_int(reader.metadata(), "step"), 1234);
  EXPECT_EQ(get_double(reader.metadata(), "score"), 0.25);
  EXPECT_EQ(get_double(reader.metadata(), "ema_score"), 0.5);
  EXPECT_EQ(get_string(reader.metadata(), "seed"), "7");
  save(folder, 12345678901);
  EXPECT_EQ(link("last"), "step_12345678901.safetensors");
  EXPECT_EQ(steps(), (Steps{1234, 12345678901}));
}

TEST_F(CheckpointFolderTest, KeepsTheNewestTheBestAndWhatLinksPointAt) {
  auto folder = open({.keep_last = 2, .keep_best = 2});
  save(folder, 1, {0.9, 0.1});  // best raw
  save(folder, 2, {0.1, 0.8});  // best average
  save(folder, 3, {0.2, 0.2});
  save(folder, 4);
  EXPECT_EQ(steps(), (Steps{1, 2, 3, 4}));
  fs::create_symlink("step_000000003.safetensors", folder.path() / "mine");
  save(folder, 5, {0.85, 0.3});
  save(folder, 6);
  save(folder, 7);
  EXPECT_EQ(steps(), (Steps{1, 2, 3, 5, 6, 7}));  // 2 is third by score but best_ema
  EXPECT_EQ(link("best"), "step_000000001.safetensors");
  EXPECT_EQ(link("best_ema"), "step_000000002.safetensors");
  EXPECT_EQ(link("last"), "step_000000007.safetensors");
  fs::remove(folder.path() / "mine");
  auto reopened = open({.keep_last = 1, .keep_best = 0});  // the ranks come from the files
  save(reopened, 8, {0.9, 0.9});                           // equal to the best: not better
  EXPECT_EQ(steps(), (Steps{1, 8}));
  EXPECT_EQ(link("best"), "step_000000001.safetensors");
  EXPECT_EQ(link("best_ema"), "step_000000008.safetensors");
}

TEST_F(CheckpointFolderTest, SavingAStepAgainReplacesIt) {
  auto folder = open();
  save(folder, 5, {0.5, {}});
  const auto path = save(folder, 5, {}, 32);
  EXPECT_EQ(SafetensorsReader(path).find("model.w")->shape, (std::vector<std::int64_t>{32}));
  EXPECT_EQ(steps(), (Steps{5}));
  EXPECT_EQ(link("best"), "");  // the score went with the old file
}

TEST_F(CheckpointFolderTest, FallsBackToTheNewestGoodOneAndNamesTheDamaged) {
  EXPECT_FALSE(newest_good(checkpoints()).path);  // no folder yet
  auto folder = open({.keep_last = 4});
  EXPECT_FALSE(newest_good(checkpoints()).path);
  for (const int step : {1, 2, 3, 4}) save(folder, step, {0.1 * step, {}});
  damage(folder.path() / "step_000000004.safetensors");
  fs::resize_file(folder.path() / "step_000000003.safetensors", 20);
  const auto found = newest_good(folder.path());
  EXPECT_EQ(found.path, folder.path() / "step_000000002.safetensors");
  ASSERT_EQ(found.damaged.size(), 2u);
  EXPECT_NE(found.damaged[0].find("step_000000004"), std::string::npos);
  EXPECT_NE(found.damaged[0].find("'model.w'"), std::string::npos);
  EXPECT_NE(found.damaged[1].find("step_000000003"), std::string::npos);

  EXPECT_THROW(save(folder, 3), Error);  // later ones are still there
  EXPECT_EQ(folder.rewind(2).size(), 2u);
  EXPECT_EQ(steps(), (Steps{1, 2}));
  for (const char* name : {"last", "best"}) EXPECT_EQ(link(name), "step_000000002.safetensors");
  EXPECT_TRUE(fs::exists(folder.path() / "abandoned_step_000000004.safetensors"));
  save(folder, 3);
  EXPECT_EQ(newest_good(folder.path()).path, folder.path() / "step_000000003.safetensors");
}

TEST_F(CheckpointFolderTest, NothingGoodIsNotAFreshFolder) {
  auto folder = open();
  damage(save(folder, 1));
  const auto found = newest_good(folder.path());
  EXPECT_FALSE(found.path);
  EXPECT_EQ(found.damaged.size(), 1u);
}

TEST_F(CheckpointFolderTest, RemovesTemporariesOfAKilledRunAndNothingElse) {
  fs::create_directories(checkpoints());
  write_bytes(checkpoints() / ".step_000000001.safetensors.17-0.tmp", "half a file");
  write_bytes(checkpoints() / "step_1.safetensors", "not one of ours");
  write_bytes(checkpoints() / "notes.txt", "of the user");
  auto folder = open();
  EXPECT_FALSE(fs::exists(checkpoints() / ".step_000000001.safetensors.17-0.tmp"));
  for (int step = 1; step < 6; ++step) save(folder, step);
  EXPECT_TRUE(fs::exists(checkpoints() / "notes.txt"));
  EXPECT_TRUE(fs::exists(checkpoints() / "step_1.safetensors"));
  EXPECT_EQ(steps(), (Steps{4, 5}));
}

TEST_F(CheckpointFolderTest, AFailedSaveLeavesTheFolderAsItWas) {
  auto folder = open();
  save(folder, 1, {0.5, {}});
  save(folder, 2, {0.4, {}});
  ChildProcess child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    try {
      save(folder, 3, {0.9, {}}, 10'000);
    } catch (const Error& error) {
      return static_cast<int>(error.kind());
    }
    return 0;
  });
  EXPECT_EQ(child.wait(), static_cast<int>(ErrorKind::Checkpoint));
  EXPECT_EQ(steps(), (Steps{1, 2}));
  EXPECT_EQ(link("last"), "step_000000002.safetensors");
  EXPECT_EQ(link("best"), "step_000000001.safetensors");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 4);
}

TEST_F(CheckpointFolderTest, RefusesRetentionOfNothing) {
  expect_error(ErrorKind::Usage, {"keep_last is 0"}, [&] { open({.keep_last = 0}); });
  expect_error(ErrorKind::Usage, {"keep_best is -1"}, [&] { open({.keep_best = -1}); });
  auto folder = open();
  EXPECT_THROW(save(folder, 1, {std::nan(""), {}}), Error);
}

// Killed at any moment, the newest checkpoint is good and no older than the one reported as saved.
TEST(CheckpointFolderKilled, AlwaysLeavesAGoodNewestCheckpoint) {
  const ScratchFolder scratch;
  Philox draw(11, Purpose::Test);
  std::int64_t reached = -1;
  for (int round = 0; round < 50; ++round) {
    ChildProcess child([&] {
      const RunLock lock(scratch.path());
      CheckpointFolder folder(lock, {.keep_last = 2, .keep_best = 1}, SyncPolicy::Cached);
      folder.rewind(reached);
      std::vector<std::byte> bytes(300'000);
      for (std::int64_t step = reached + 1;; ++step) {
        std::ranges::fill(bytes, static_cast<std::byte>(step));
        const std::vector<TensorSource> sources{
            {{"a", DType::UInt8, {200'000}}, std::span(bytes).first(200'000)},
            {{"b", DType::UInt8, {100'000}}, std::span(bytes).last(100'000)}};
        folder.save(step, sources, {}, {static_cast<double>(step % 7), {}});
      }
      return 0;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(500 + draw.below(15'000)));
    EXPECT_EQ(child.kill_and_wait(), -1);

    const auto found = newest_good(scratch / "checkpoints");
    for (const auto& message : found.damaged) ADD_FAILURE() << "round " << round << ": " << message;
    if (!found.path) continue;
    const auto step = get_int(SafetensorsReader(*found.path).metadata(), "step");
    EXPECT_GE(step, reached);
    reached = step;
    std::error_code absent;
    for (const char* name : {"last", "best"}) {  // never dangling
      const auto link = scratch / "checkpoints" / name;
      EXPECT_TRUE(!fs::is_symlink(link, absent) || fs::exists(link)) << name;
    }
  }
  EXPECT_GT(reached, 0);
}

}  // namespace
}  // namespace cf
