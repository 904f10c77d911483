#include "framework/state/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace cf {

FileDescriptor::FileDescriptor(const std::filesystem::path& path, int flags, ErrorKind kind) {
  CF_CHECK_AS(kind, try_open(path, flags), "cannot open ", path.native(), ": ", system_message(errno));
}

FileDescriptor::~FileDescriptor() { close(); }

bool FileDescriptor::try_open(const std::filesystem::path& path, int flags) noexcept {
  close();
  do {
    number_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (number_ < 0 && errno == EINTR);
  return number_ >= 0;
}

int FileDescriptor::close() noexcept {
  if (number_ < 0) return 0;
  return ::close(std::exchange(number_, -1)) == 0 ? 0 : errno;
}

std::string system_message(int error_number) { return std::generic_category().message(error_number); }

std::size_t read_at(const FileDescriptor& file, std::int64_t offset, std::span<std::byte> bytes,
                    const std::filesystem::path& path, ErrorKind kind) {
  constexpr std::size_t kMostPerCall = std::size_t{1} << 30;  // Linux reads at most 2 GiB - 4 KiB at once
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto n = ::pread(file.number(), bytes.data() + done, std::min(bytes.size() - done, kMostPerCall),
                           offset + static_cast<std::int64_t>(done));
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    CF_CHECK_AS(kind, n > 0, "cannot read ", path.native(), ": ", system_message(errno));
    done += static_cast<std::size_t>(n);
  }
  return done;
}

}  // namespace cf
