#include "framework/state/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>

namespace cf {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// A name nobody of this process uses. A killed process with our number (containers restart theirs at 1) may
// have left one behind: make() returns false with errno EEXIST then, and the next number is tried.
template <class Make>
fs::path make_temporary(const fs::path& target, Make&& make) {
  static std::atomic<std::uint64_t> counter{0};
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto name = concat(".", target.filename().native(), ".", static_cast<std::int64_t>(::getpid()), "-",
                             counter.fetch_add(1), kTemporarySuffix);
    auto temporary = folder_of(target) / name;
    if (make(temporary)) return temporary;
    if (errno != EEXIST) break;
  }
  fail(ErrorKind::Checkpoint, "cannot write ", target.native(),
       ": creating a temporary file beside it failed: ", system_message(errno));
}

}  // namespace

AtomicFile::AtomicFile(fs::path target, SyncPolicy sync) : target_(std::move(target)), sync_(sync) {
  std::error_code unknown;
  const auto status = fs::status(target_, unknown);
  CF_CHECK_AS(ErrorKind::Checkpoint, !fs::exists(status) || fs::is_regular_file(status), "cannot write ",
              target_.native(), ": it is there and not a regular file");
  temporary_ = make_temporary(target_, [&](const fs::path& temporary) {
    return file_.try_open(temporary, O_WRONLY | O_CREAT | O_EXCL);
  });
}

AtomicFile::~AtomicFile() {
  if (temporary_.empty()) return;
  file_.close();
  ::unlink(temporary_.c_str());
}

void AtomicFile::fail_with(std::string_view what, int error_number) {
  fail(ErrorKind::Checkpoint, "cannot write ", target_.native(), ": ", what,
       " failed: ", system_message(error_number));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  constexpr std::size_t kMostPerCall = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const auto n = ::write(file_.number(), bytes.data(), std::min(bytes.size(), kMostPerCall));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail_with("write", n < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void AtomicFile::commit() {
  CF_CHECK(!temporary_.empty(), target_.native(), " was committed already");
  if (sync_ == SyncPolicy::Durable && ::fsync(file_.number()) != 0) fail_with("fsync", errno);
  if (const int error = file_.close(); error != 0) fail_with("close", error);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_with("rename", errno);
  temporary_.clear();
  if (sync_ == SyncPolicy::Durable) sync_folder(folder_of(target_));
}

void write_atomically(const fs::path& path, std::string_view text, SyncPolicy sync) {
  AtomicFile file(path, sync);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

void replace_link(const fs::path& link, const fs::path& target) {
  const auto temporary = make_temporary(
      link, [&](const fs::path& name) { return ::symlink(target.c_str(), name.c_str()) == 0; });
  if (::rename(temporary.c_str(), link.c_str()) == 0) return;
  const int error = errno;
  ::unlink(temporary.c_str());
  fail(ErrorKind::Checkpoint, "cannot set link ", link.native(), ": rename failed: ", system_message(error));
}

void sync_folder(const fs::path& folder) {
  const FileDescriptor file(folder, O_RDONLY | O_DIRECTORY, ErrorKind::Checkpoint);
  // Some network file systems cannot sync a folder and say EINVAL; they order renames by themselves.
  const bool synced = ::fsync(file.number()) == 0 || errno == EINVAL;
  CF_CHECK_AS(ErrorKind::Checkpoint, synced, "cannot sync folder ", folder.native(), ": ",
              system_message(errno));
}

bool is_temporary(const fs::path& path) {
  const std::string name = path.filename().native();
  return name.starts_with('.') && name.ends_with(kTemporarySuffix);
}

}  // namespace cf
