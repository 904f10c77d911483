// Saves checkpoints on a thread of its own while the caller goes on; one at a time.
//
//   BackgroundSaver saver(folder);
//   saver.begin(step, sources, metadata, scores);
//   ...
//   if (const auto outcome = saver.finished()) ...   // at every step: empty while it is still being written
//   if (const auto outcome = saver.wait()) ...       // before the next one, and at the end
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>

#include "framework/state/checkpoint_folder.h"

namespace cf {

class BackgroundSaver {
 public:
  struct Outcome {
    std::int64_t step = 0;
    std::exception_ptr failure;  // what CheckpointFolder::save threw; null: the checkpoint is on disk
  };

  // The folder must outlive it, and nobody else may save there.
  explicit BackgroundSaver(CheckpointFolder& folder);
  // Finishes the save that has begun.
  ~BackgroundSaver() = default;
  BackgroundSaver(const BackgroundSaver&) = delete;
  BackgroundSaver& operator=(const BackgroundSaver&) = delete;

  // Begins CheckpointFolder::save with these arguments. The outcome of the save before must have been asked
  // for. Until this one's is returned, the bytes of `tensors` must stay as they are.
  void begin(std::int64_t step, std::span<const TensorSource> tensors, Metadata metadata,
             const CheckpointScores& scores = {});

  // How the save that began last ended, once; empty while it is being written, and where there is none.
  std::optional<Outcome> finished();

  // The same, but waits until it has ended.
  std::optional<Outcome> wait();

 private:
  struct Save {
    std::int64_t step;
    std::span<const TensorSource> tensors;
    Metadata metadata;
    CheckpointScores scores;
  };

  void work(const std::stop_token& stop);
  Outcome write(const Save& save);

  CheckpointFolder& folder_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Save> save_;        // until it has ended
  std::optional<Outcome> outcome_;  // from then until it is asked for
  std::jthread thread_;             // last: it ends before what it uses does
};

}  // namespace cf
