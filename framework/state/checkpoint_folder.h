// RUN/checkpoints: files step_000001234.safetensors, and relative symbolic links
//   last       the newest
//   best       the highest score of the raw weights        best_ema   that of the averaged ones
// A link of any other name made by hand protects its checkpoint from deletion too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/state/atomic_file.h"
#include "framework/state/metadata.h"
#include "framework/state/run_lock.h"
#include "framework/state/safetensors_file.h"

namespace cf {

// What an evaluation at this step gave, as far as there was one. Higher is better.
struct CheckpointScores {
  std::optional<double> raw, ema;
};

struct CheckpointFile {
  std::int64_t step = 0;
  std::filesystem::path path;
  bool readable = false;  // the header is; the tensors were not looked at
  CheckpointScores scores;
};

// Which checkpoints outlive the next ones: the newest, the best by the higher of their scores, and whatever a
// link points at.
struct Retention {
  int keep_last = 2;
  int keep_best = 3;
};

class CheckpointFolder {
 public:
  // RUN/checkpoints of the locked run; made if it is not there. Temporary files of a killed run are removed,
  // which the lock makes safe.
  CheckpointFolder(const RunLock& run, Retention retention, SyncPolicy sync = SyncPolicy::Durable);

  const std::filesystem::path& path() const { return folder_; }

  // Writes the checkpoint of `step` with checksums, sets the links, deletes what need not be kept. Adds
  // "step", "score" and "ema_score" to the metadata. If the write fails, everything is as it was before. No
  // checkpoint of a later step may be there: see rewind().
  std::filesystem::path save(std::int64_t step, std::span<const TensorSource> tensors, Metadata metadata,
                             const CheckpointScores& scores = {});

  // To be called when a run continues from `step`: checkpoints of later steps (damaged, or of a future that
  // this run leaves) are renamed to abandoned_step_....safetensors and the links set to what remains. Returns
  // the new names.
  std::vector<std::filesystem::path> rewind(std::int64_t step);

 private:
  // Of the readable checkpoints, by rising step.
  void set_links(const std::vector<CheckpointFile>& files) const;
  void delete_surplus(const std::vector<CheckpointFile>& files) const;

  std::filesystem::path folder_;
  Retention retention_;
  SyncPolicy sync_;
};

// The checkpoints of a folder by rising step; none if it is not there. Links are not followed.
std::vector<CheckpointFile> list_checkpoints(const std::filesystem::path& folder);

struct NewestGood {
  std::optional<std::filesystem::path> path;  // empty if there is no good checkpoint
  std::vector<std::string> damaged;           // one message per newer checkpoint that is not good
};

// The newest checkpoint whose checksums all match. Nothing good but something damaged is not a fresh folder:
// the caller must not start from the beginning without saying so.
NewestGood newest_good(const std::filesystem::path& folder);

}  // namespace cf
