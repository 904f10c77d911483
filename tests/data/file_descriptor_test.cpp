// Files that cannot be read: what the disk, the system or another process may do to them.
#include "data/file_descriptor.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>

#include "data/dataset.h"
#include "data/formats/pack.h"
#include "tests/data/expect_error.h"
#include "tests/data/temporary_folder.h"

namespace cf::data {
namespace {

// Address 0 of this process is no memory: reading it fails as a broken disk does.
TEST(FileDescriptor, AFailingDeviceIsNamed) {
  const auto file = FileDescriptor::for_reading("/proc/self/mem");
  char byte = 0;
  expect_error(ErrorKind::Data, {"cannot read /proc/self/mem: Input/output error"},
               [&] { file.read_at(0, &byte, 1); });
}

TEST(FileDescriptor, AForbiddenFileIsNamed) {
  const TemporaryFolder folder;
  const std::string path = folder.write("secret.cfpack", std::string("bytes"));
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  constexpr uid_t kNobody = 65534;
  const uid_t user = ::geteuid();
  ASSERT_EQ(::seteuid(user == 0 ? kNobody : user), 0);  // root may read anything
  expect_error(ErrorKind::Data, {path, "Permission denied"}, [&] { FileDescriptor::for_reading(path); });
  ASSERT_EQ(::seteuid(user), 0);
}

TEST(FileDescriptor, AFolderIsNoFile) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::Data, {folder.path(), "not a regular file"},
               [&] { FileDescriptor::for_reading(folder.path()).size(); });
}

TEST(FileDescriptor, ForgetsWhatIsCached) {
  const TemporaryFolder folder;
  const std::string contents(100'000, 'x');
  const auto file = FileDescriptor::for_reading(folder.write("a", contents));
  std::string read(contents.size(), ' ');
  file.read_at(0, read.data(), read.size());
  EXPECT_EQ(file.cached_bytes(), contents.size());
  file.drop_cached();
  struct statfs status {};
  ASSERT_EQ(::statfs(folder.path().c_str(), &status), 0);
  const bool lives_in_memory = status.f_type == TMPFS_MAGIC;
  EXPECT_EQ(file.cached_bytes(), lives_in_memory ? contents.size() : 0);
  file.read_at(0, read.data(), read.size());
  EXPECT_EQ(read, contents);
}

void write_pack(const std::string& path, std::uint8_t value) {
  PackWriter writer(path, {.class_names = {"a"}, .class_ids = {}, .channels = 1, .source = ""});
  for (int i = 0; i < 3; ++i) {
    writer.add({.encoding = ImageEncoding::Raw, .bytes = {value}, .height = 1, .width = 1, .channels = 1},
               {1, 1}, 0, "x");
  }
  writer.finish();
}

// Packing renames: whoever has the old pack open keeps reading it whole.
TEST(Pack, ReplacedWhileOpenTheOldOneStaysWhole) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.cfpack";
  write_pack(path, 1);
  const auto before = open_pack(path, 0);
  write_pack(path, 2);
  EncodedImage image;
  for (std::int64_t i = 0; i < 3; ++i) {
    before->read(i, image);
    EXPECT_EQ(image.bytes, std::vector<std::uint8_t>{1});
  }
  open_pack(path, 0)->read(2, image);
  EXPECT_EQ(image.bytes, std::vector<std::uint8_t>{2});
}

}  // namespace
}  // namespace cf::data
