// A disk that fails or is slow, for tests/end_to_end: loaded in front of the C library (LD_PRELOAD), it
// answers reads of bytes [CF_FAILING_FROM, CF_FAILING_END) of files whose path ends in CF_FAILING_FILE with
// EIO, and takes CF_SLOW_SYNC_MS milliseconds more for each fsync of a file whose path ends in
// CF_SLOW_SYNC_FILE.
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

// Whether the file's path ends in the value of the variable, which is set.
bool is_named(const char* variable, int fd) {
  const char* wanted = std::getenv(variable);
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
  if (is_named("CF_FAILING_FILE", fd) && offset < number_of("CF_FAILING_END") &&
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

int fsync(int fd) {
  if (is_named("CF_SLOW_SYNC_FILE", fd))
    ::usleep(static_cast<useconds_t>(1000 * number_of("CF_SLOW_SYNC_MS")));
  using Sync = int(int);
  return reinterpret_cast<Sync*>(::dlsym(RTLD_NEXT, "fsync"))(fd);
}

}  // extern "C"
