#include "data/file_descriptor.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "kernels/base/check.h"

namespace cf::data {

FileDescriptor::FileDescriptor(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

FileDescriptor FileDescriptor::for_reading(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  CF_CHECK_AS(ErrorKind::Data, fd >= 0, "cannot open ", path, ": ", std::strerror(errno));
  return {path, fd};
}

FileDescriptor FileDescriptor::for_writing(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  CF_CHECK_AS(ErrorKind::Data, fd >= 0, "cannot write ", path, ": ", std::strerror(errno));
  FileDescriptor file(path, fd);
  CF_CHECK_AS(ErrorKind::Data, ::flock(fd, LOCK_EX | LOCK_NB) == 0, "cannot write ", path,
              ": another process is writing it");
  CF_CHECK_AS(ErrorKind::Data, ::ftruncate(fd, 0) == 0, "cannot write ", path, ": ", std::strerror(errno));
  return file;
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::uint64_t FileDescriptor::size() const {
  struct stat status {};
  CF_CHECK_AS(ErrorKind::Data, ::fstat(fd_, &status) == 0, "cannot read ", path_, ": ", std::strerror(errno));
  CF_CHECK_AS(ErrorKind::Data, S_ISREG(status.st_mode), "cannot read ", path_, ": not a regular file");
  return static_cast<std::uint64_t>(status.st_size);
}

void FileDescriptor::read_at(std::uint64_t offset, void* out, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    const auto at = static_cast<off_t>(offset + done);
    const ssize_t count = ::pread(fd_, static_cast<char*>(out) + done, bytes - done, at);
    if (count < 0 && errno == EINTR) continue;
    CF_CHECK_AS(ErrorKind::Data, count >= 0, "cannot read ", path_, ": ", std::strerror(errno));
    CF_CHECK_AS(ErrorKind::Data, count > 0, "cannot read ", path_, ": it ends before byte ", offset + bytes);
    done += static_cast<std::size_t>(count);
  }
}

void FileDescriptor::will_read(std::uint64_t offset, std::uint64_t bytes) const {
  // Advice: where it cannot be followed, reading is as it was.
  ::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
}

std::uint64_t FileDescriptor::cached_bytes() const {
  constexpr std::uint64_t kPart = std::uint64_t{1} << 30;  // mapped at once
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t all = size();
  std::vector<unsigned char> pages((std::min(kPart, all) + page - 1) / page);
  std::uint64_t cached = 0;
  for (std::uint64_t at = 0; at < all; at += kPart) {
    const std::uint64_t bytes = std::min(kPart, all - at);
    void* const part = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd_, static_cast<off_t>(at));
    CF_CHECK_AS(ErrorKind::Data, part != MAP_FAILED, "cannot map ", path_, ": ", std::strerror(errno));
    const bool known = ::mincore(part, bytes, pages.data()) == 0;
    const int error = errno;
    ::munmap(part, bytes);
    CF_CHECK_AS(ErrorKind::Data, known, "cannot tell what of ", path_,
                " is in memory: ", std::strerror(error));
    const auto end = pages.begin() + static_cast<std::ptrdiff_t>((bytes + page - 1) / page);
    cached += page * static_cast<std::uint64_t>(
                         std::count_if(pages.begin(), end, [](unsigned char p) { return (p & 1u) != 0; }));
  }
  return std::min(cached, all);
}

void FileDescriptor::drop_cached() const {
  sync();  // pages that are still to be written would stay
  const int error = ::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED);
  CF_CHECK_AS(ErrorKind::Data, error == 0, "cannot drop ", path_, " from memory: ", std::strerror(error));
}

void FileDescriptor::write_at(std::uint64_t offset, const void* data, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    const auto at = static_cast<off_t>(offset + done);
    const ssize_t count = ::pwrite(fd_, static_cast<const char*>(data) + done, bytes - done, at);
    if (count < 0 && errno == EINTR) continue;
    CF_CHECK_AS(ErrorKind::Data, count > 0, "cannot write ", path_, ": ",
                std::strerror(count < 0 ? errno : ENOSPC));
    done += static_cast<std::size_t>(count);
  }
}

void FileDescriptor::sync() const {
  CF_CHECK_AS(ErrorKind::Data, ::fsync(fd_) == 0, "cannot write ", path_, ": ", std::strerror(errno));
}

void sync_folder_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  FileDescriptor::for_reading(parent.empty() ? "." : parent.string()).sync();
}

}  // namespace cf::data
