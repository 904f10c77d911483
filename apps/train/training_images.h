// The images of a run's steps: this rank's part of each batch, loaded ahead, of the size that its epoch has.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "apps/config/config.h"
#include "apps/run_folder/run_log.h"
#include "apps/train/step_times.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "framework/parallel/communicator.h"
#include "framework/runtime/executor.h"

namespace cf::apps {

class TrainingImages {
 public:
  // The data set and the log, which is told of images that are replaced, must outlive it.
  TrainingImages(const Config& config, const data::Dataset& dataset, std::int64_t steps_per_epoch,
                 PlaceKind computes_at, const Communicator& ranks, RunLog& log);
  TrainingImages(const TrainingImages&) = delete;
  TrainingImages& operator=(const TrainingImages&) = delete;

  // Height and width in pixels of the images of step `step`, from 0.
  int size_at(std::int64_t step) const;
  // Of those that next() gives; 0 before the first open().
  int size() const { return size_; }

  // Begins anew: next() gives the batches of step `step` and those after it, of size_at(step).
  void open(std::int64_t step);
  data::Batch next() { return loader_->next(); }
  // Gives back the memory of a batch.
  void recycle(data::Batch&& batch) { loader_->recycle(std::move(batch)); }

  // Seconds that next() has waited since open().
  double waited_seconds() const { return loader_->waited_seconds(); }
  // Whether epoch `epoch` (from 1) was held up by its data, in words; empty where it was not.
  std::string verdict(std::int64_t epoch, const EpochTimes& times) const;

 private:
  Config config_;
  const data::Dataset& dataset_;
  std::int64_t steps_per_epoch_;
  int threads_;
  int rank_, ranks_;
  RunLog& log_;
  std::unique_ptr<data::Loader> loader_;
  int size_ = 0;
};

}  // namespace cf::apps
