#include "framework/state/run_lock.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "tests/data/expect_error.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"
#include "tests/state/child_process.h"

namespace cf {
namespace {

TEST(RunLock, RefusesASecondRunAndNamesTheFirst) {
  const ScratchFolder folder;
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  ChildProcess holder([&] {
    const RunLock lock(folder / "a/run");
    if (::write(ready[1], "x", 1) != 1) return 1;
    for (;;) ::pause();
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  expect_error(ErrorKind::Usage, {"/a/run", "process " + std::to_string(holder.id()), "host"},
               [&] { RunLock second(folder / "a/run"); });
  const RunLock other_folder(folder / "a/other");

  holder.kill_and_wait();  // its lock dies with it
  const RunLock next(folder / "a/run");
  EXPECT_NE(read_bytes(folder / "a/run/.lock").find(std::to_string(::getpid())), std::string::npos);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(RunLock, IsReleasedByItsDestructor) {
  const ScratchFolder folder;
  std::optional<RunLock> lock(folder.path());
  EXPECT_EQ(lock->run_folder(), folder.path());
  expect_error(ErrorKind::Usage, {"in use"}, [&] { RunLock second(folder.path()); });
  lock.reset();
  const RunLock again(folder.path());
}

TEST(RunLock, SaysThatTheFolderCannotBeMade) {
  const ScratchFolder folder;
  write_bytes(folder / "file", "");
  expect_error(ErrorKind::Usage, {"cannot make the run folder", "/file/run"},
               [&] { RunLock lock(folder / "file/run"); });
}

}  // namespace
}  // namespace cf
