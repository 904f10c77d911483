// What fuzz targets share: an input as a file, and what a reader may do with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "kernels/base/check.h"

namespace cf {

// The bytes as a file in memory, with a path.
class FuzzFile {
 public:
  FuzzFile(const std::uint8_t* data, std::size_t size) : fd_(::memfd_create("input", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
    path_ = concat("/proc/self/fd/", fd_);
  }
  ~FuzzFile() { ::close(fd_); }
  FuzzFile(const FuzzFile&) = delete;
  FuzzFile& operator=(const FuzzFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

// A reader may succeed or throw an Error of one of the kinds; anything else is a finding.
template <class Body>
int expect_only(std::initializer_list<ErrorKind> kinds, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    for (const ErrorKind kind : kinds) {
      if (error.kind() == kind) return 0;
    }
    std::fprintf(stderr, "error of kind %d: %s\n", static_cast<int>(error.kind()), error.what());
    std::abort();
  }
  return 0;
}

}  // namespace cf
