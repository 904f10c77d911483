// One process writes into a run folder at a time.
#pragma once

#include <filesystem>

#include "framework/state/file_descriptor.h"

namespace cf {

// An exclusive flock(2) on RUN/.lock, held as long as this object lives; the kernel releases it when the
// process dies, however it dies. The file holds the process id and the host of the last holder and is never
// removed (removing a lock file would let two processes lock two files of the same name).
//
// A forked child shares the lock until it calls exec or ends.
class RunLock {
 public:
  // Makes the folder if it is not there. ErrorKind::Usage if another process holds the lock, naming it.
  explicit RunLock(std::filesystem::path run_folder);

  const std::filesystem::path& run_folder() const { return run_folder_; }

 private:
  std::filesystem::path run_folder_;
  FileDescriptor file_;
};

}  // namespace cf
