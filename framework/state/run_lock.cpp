#include "framework/state/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace cf {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

// What the holder wrote; empty in the instant between its lock and its write.
std::string holder_of(const FileDescriptor& file, const std::filesystem::path& path) {
  std::array<char, 512> text{};
  const auto bytes = std::as_writable_bytes(std::span(text));
  const std::string holder(text.data(), read_at(file, 0, bytes, path, ErrorKind::Usage));
  return holder.empty() ? "another process" : holder.substr(0, holder.find('\n'));
}

}  // namespace

RunLock::RunLock(std::filesystem::path run_folder) : run_folder_(std::move(run_folder)) {
  std::error_code error;
  std::filesystem::create_directories(run_folder_, error);
  CF_CHECK_AS(ErrorKind::Usage, !error, "cannot make the run folder ", run_folder_.native(), ": ",
              error.message());
  const auto path = run_folder_ / ".lock";
  file_ = FileDescriptor(path, O_RDWR | O_CREAT, ErrorKind::Usage);
  if (::flock(file_.number(), LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    CF_CHECK_AS(ErrorKind::Usage, reason != EWOULDBLOCK, "run folder ", run_folder_.native(),
                " is in use by ", holder_of(file_, path),
                "; two runs cannot write into one folder, give another --out");
    fail(ErrorKind::Usage, "cannot lock ", path.native(), ": ", system_message(reason));
  }
  const auto holder =
      concat("process ", static_cast<std::int64_t>(::getpid()), " on host ", host_name(), "\n");
  const bool written =
      ::ftruncate(file_.number(), 0) == 0 &&
      ::pwrite(file_.number(), holder.data(), holder.size(), 0) == static_cast<ssize_t>(holder.size());
  CF_CHECK_AS(ErrorKind::Usage, written, "cannot write ", path.native(), ": ", system_message(errno));
}

}  // namespace cf
