// A disk that fails, for tests/end_to_end/failing_disk_test.cpp: loaded in front of the C library
// (LD_PRELOAD), it answers reads of bytes [CF_FAILING_FROM, CF_FAILING_END) of files whose path ends in
// CF_FAILING_FILE with EIO.
#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

bool is_failing_file(int fd) {
  const char* wanted = std::getenv("CF_FAILING_FILE");
  if (wanted == nullptr) return false;
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  return length > 0 && std::string_view(path.data(), static_cast<std::size_t>(length)).ends_with(wanted);
}

long long number_of(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr ? 0 : std::atoll(text);
}

ssize_t read_or_fail(const char* function, int fd, void* out, std::size_t bytes, off_t offset) {
  if (is_failing_file(fd) && offset < number_of("CF_FAILING_END") &&
      offset + static_cast<off_t>(bytes) > number_of("CF_FAILING_FROM")) {
    errno = EIO;
    return -1;
  }
  using Read = ssize_t(int, void*, std::size_t, off_t);
  return reinterpret_cast<Read*>(::dlsym(RTLD_NEXT, function))(fd, out, bytes, offset);
}

}  // namespace

extern "C" {

ssize_t pread(int fd, void* out, size_t bytes, off_t offset) {
  return read_or_fail("pread", fd, out, bytes, offset);
}

ssize_t pread64(int fd, void* out, size_t bytes, off_t offset) {
  return read_or_fail("pread64", fd, out, bytes, offset);
}

}  // extern "C"
