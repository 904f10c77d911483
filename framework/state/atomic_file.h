// Files that are there whole or not at all: written under a temporary name in the same folder, synced,
// renamed over the target, folder synced. Until the rename the old file is untouched; on any failure the
// temporary is removed and an ErrorKind::Checkpoint names the path, what failed and why.
//
//   AtomicFile file(path, SyncPolicy::Durable);
//   file.write(header);
//   file.write(tensor);
//   file.commit();            // without it the destructor throws the written bytes away
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "framework/state/file_descriptor.h"

namespace cf {

enum class SyncPolicy {
  Durable,  // fsync: survives a power failure once commit() returned
  Cached,   // the page cache is enough: survives the death of the process only
};

class AtomicFile {
 public:
  // The folder must exist. A target that is there and not a regular file (a folder, a device) is an error.
  AtomicFile(std::filesystem::path target, SyncPolicy sync);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void commit();

 private:
  [[noreturn]] void fail_with(std::string_view what, int error_number);

  std::filesystem::path target_, temporary_;
  SyncPolicy sync_;
  FileDescriptor file_;
};

void write_atomically(const std::filesystem::path& path, std::string_view text, SyncPolicy sync);

// Makes `link` a symbolic link to `target` (as given, usually a name in the same folder), replacing a
// previous one in one step.
void replace_link(const std::filesystem::path& link, const std::filesystem::path& target);

// Makes renames and new names in `folder` survive a power failure.
void sync_folder(const std::filesystem::path& folder);

// Whether `path` has the name of a temporary of this file's making. One that outlived its process is garbage.
bool is_temporary(const std::filesystem::path& path);

}  // namespace cf
