#include "framework/state/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <charconv>
#include <vector>

#include "framework/state/safetensors_file.h"
#include "tests/data/expect_error.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"
#include "tests/state/child_process.h"

namespace cf {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> names_in(const fs::path& folder) {
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// From here on no file of this process can grow past `bytes`: to the writer a disk that is full at that
// point.
void limit_file_size(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  CF_CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit");
}

TEST(AtomicFile, ReplacesTheOldFileAtCommit) {
  const ScratchFolder folder;
  for (const auto sync : {SyncPolicy::Durable, SyncPolicy::Cached}) {
    write_bytes(folder / "f", "old");
    AtomicFile file(folder / "f", sync);
    file.write(bytes_of("new "));
    file.write(bytes_of("text"));
    EXPECT_EQ(read_bytes(folder / "f"), "old");
    file.commit();
    EXPECT_EQ(read_bytes(folder / "f"), "new text");
    EXPECT_EQ(names_in(folder.path()), std::vector<fs::path>{"f"});
    EXPECT_THROW(file.commit(), Error);
  }
}

TEST(AtomicFile, WithoutCommitLeavesNothing) {
  const ScratchFolder folder;
  write_bytes(folder / "f", "old");
  {
    AtomicFile file(folder / "f", SyncPolicy::Durable);
    file.write(bytes_of("new"));
    EXPECT_EQ(names_in(folder.path()).size(), 2u);
  }
  EXPECT_EQ(read_bytes(folder / "f"), "old");
  EXPECT_EQ(names_in(folder.path()), std::vector<fs::path>{"f"});
}

TEST(AtomicFile, WritesARelativePathInTheCurrentFolder) {
  const ScratchFolder folder;
  ChildProcess child([&] {
    fs::current_path(folder.path());
    write_atomically("f", "text", SyncPolicy::Durable);
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(read_bytes(folder / "f"), "text");
}

TEST(AtomicFile, RefusesTargetsThatAreNoRegularFile) {
  const ScratchFolder folder;
  for (const fs::path& target : {folder.path(), fs::path("/dev/null"), fs::path("/dev/full")}) {
    expect_error(ErrorKind::Checkpoint, {target.native(), "not a regular file"},
                 [&] { AtomicFile(target, SyncPolicy::Cached); });
  }
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(AtomicFile, SaysThatTheFolderIsMissing) {
  const ScratchFolder folder;
  expect_error(ErrorKind::Checkpoint, {"/missing/f", "No such file or directory"},
               [&] { AtomicFile(folder / "missing/f", SyncPolicy::Cached); });
}

TEST(AtomicFile, RemovesTheTemporaryWhenTheRenameFails) {
  const ScratchFolder folder;
  {
    AtomicFile file(folder / "f", SyncPolicy::Durable);
    fs::create_directory(folder / "f");
    expect_error(ErrorKind::Checkpoint, {"/f", "rename failed", "Is a directory"}, [&] { file.commit(); });
  }
  EXPECT_EQ(names_in(folder.path()), std::vector<fs::path>{"f"});
}

// Containers start every time with the same process ids, so names of a killed process come back.
TEST(AtomicFile, StepsAroundTemporariesOfAKilledProcess) {
  const ScratchFolder folder;
  const auto temporary_name = [&] {
    const AtomicFile file(folder / "f", SyncPolicy::Cached);
    return names_in(folder.path()).at(0).native();
  }();
  EXPECT_TRUE(is_temporary(temporary_name));
  EXPECT_FALSE(is_temporary("f"));
  const auto digits = temporary_name.find('-') + 1;
  std::uint64_t number = 0;
  std::from_chars(temporary_name.data() + digits, temporary_name.data() + temporary_name.size(), number);
  for (std::uint64_t next = number + 1; next < number + 6; ++next) {
    write_bytes(folder / concat(temporary_name.substr(0, digits), next, ".tmp"), "stale");
  }
  write_atomically(folder / "f", "text", SyncPolicy::Cached);
  EXPECT_EQ(read_bytes(folder / "f"), "text");
  EXPECT_EQ(names_in(folder.path()).size(), 6u);
}

TEST(AtomicFile, OnAFullDiskKeepsTheOldFileAndSaysSo) {
  const ScratchFolder folder;
  const auto path = folder / "model.safetensors";
  const std::vector<std::byte> large(100'000, std::byte{7});
  const std::vector<TensorSource> sources{{{"w", DType::UInt8, {100'000}}, large}};
  write_bytes(path, "old");
  ChildProcess child([&] {
    limit_file_size(65'536);
    try {
      write_safetensors(path, sources);
    } catch (const Error& error) {
      const std::string_view message = error.what();
      const bool complete = message.find(path.native()) != message.npos &&
                            message.find("write failed: File too large") != message.npos;
      return complete && error.kind() == ErrorKind::Checkpoint ? 7 : 1;
    }
    return 0;
  });
  EXPECT_EQ(child.wait(), 7);
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(names_in(folder.path()), std::vector<fs::path>{"model.safetensors"});
}

TEST(ReplaceLink, ReplacesLinksInOneStep) {
  const ScratchFolder folder;
  write_bytes(folder / "a", "A");
  write_bytes(folder / "b", "B");
  replace_link(folder / "link", "a");
  EXPECT_EQ(read_bytes(folder / "link"), "A");
  replace_link(folder / "link", "b");
  EXPECT_EQ(read_bytes(folder / "link"), "B");
  EXPECT_EQ(names_in(folder.path()).size(), 3u);
  fs::create_directory(folder / "folder");
  expect_error(ErrorKind::Checkpoint, {"/folder", "rename failed"},
               [&] { replace_link(folder / "folder", "a"); });
  EXPECT_EQ(names_in(folder.path()).size(), 4u);
}

}  // namespace
}  // namespace cf
