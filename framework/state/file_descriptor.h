// An open file of the operating system, closed with its owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "kernels/base/check.h"

namespace cf {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  // open(2) with O_CLOEXEC; an Error of `kind` names path and reason.
  FileDescriptor(const std::filesystem::path& path, int flags, ErrorKind kind);
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  // The same without an exception: false, with errno set.
  bool try_open(const std::filesystem::path& path, int flags) noexcept;
  int number() const { return number_; }
  // Closes now; returns 0 or the errno of close(2), which on network file systems may be that of a late
  // write.
  int close() noexcept;

 private:
  int number_ = -1;
};

// The text of an errno value.
std::string system_message(int error_number);

// Reads bytes.size() bytes at `offset`, fewer only where the file ends; returns how many. A failing read
// throws an Error of `kind`.
std::size_t read_at(const FileDescriptor& file, std::int64_t offset, std::span<std::byte> bytes,
                    const std::filesystem::path& path, ErrorKind kind);

}  // namespace cf
