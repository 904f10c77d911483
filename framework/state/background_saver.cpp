#include "framework/state/background_saver.h"

#include <utility>

namespace cf {

BackgroundSaver::BackgroundSaver(CheckpointFolder& folder)
    : folder_(folder), thread_([this](const std::stop_token& stop) { work(stop); }) {}

void BackgroundSaver::begin(std::int64_t step, std::span<const TensorSource> tensors, Metadata metadata,
                            const CheckpointScores& scores) {
  {
    const std::lock_guard lock(mutex_);
    CF_CHECK(!save_ && !outcome_, "the checkpoint of step ", step,
             " is to be saved, but how the save of step ", save_ ? save_->step : outcome_->step,
             " ends was not waited for");
    save_ = Save{step, tensors, std::move(metadata), scores};
  }
  changed_.notify_all();
}

std::optional<BackgroundSaver::Outcome> BackgroundSaver::finished() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcome_, std::nullopt);
}

std::optional<BackgroundSaver::Outcome> BackgroundSaver::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !save_; });
  return std::exchange(outcome_, std::nullopt);
}

// A save that has begun is finished also where the thread is asked to stop.
void BackgroundSaver::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return save_.has_value(); })) {
    lock.unlock();
    Outcome outcome = write(*save_);  // nobody changes save_ but this thread
    lock.lock();
    outcome_ = std::move(outcome);
    save_.reset();
    changed_.notify_all();
  }
}

BackgroundSaver::Outcome BackgroundSaver::write(const Save& save) {
  Outcome outcome{save.step, nullptr};
  try {
    folder_.save(save.step, save.tensors, save.metadata, save.scores);
  } catch (...) {
    outcome.failure = std::current_exception();
  }
  return outcome;
}

}  // namespace cf
