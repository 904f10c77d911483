#include "apps/train/training_images.h"

#include "apps/images/loader_options.h"
#include "apps/train/data_verdict.h"

namespace cf::apps {

TrainingImages::TrainingImages(const Config& config, const data::Dataset& dataset,
                               std::int64_t steps_per_epoch, PlaceKind computes_at, const Communicator& ranks,
                               RunLog& log)
    : config_(config),
      dataset_(dataset),
      steps_per_epoch_(steps_per_epoch),
      threads_(loader_threads(config.data.threads, computes_at, ranks.ranks_on_host())),
      rank_(ranks.rank()),
      ranks_(ranks.world()),
      log_(log) {}

int TrainingImages::size_at(std::int64_t step) const {
  return config_.train.size.at_epoch(static_cast<int>(step / steps_per_epoch_));
}

void TrainingImages::open(std::int64_t step) {
  auto options = training_loader_options(config_, step / steps_per_epoch_, threads_);
  options.batch = config_.train.batch / ranks_;
  options.rank = rank_;
  options.ranks = ranks_;
  options.first_batch = step % steps_per_epoch_;
  options.on_substitute = [this](const data::BadRecord& record, std::int64_t count) {
    log_.line(substitution_text(record, count));
  };
  loader_ = std::make_unique<data::Loader>(dataset_, options);
  size_ = size_at(step);
}

std::string TrainingImages::verdict(std::int64_t epoch, const EpochTimes& times) const {
  return data_verdict(epoch, times.data, times.all, threads_, loader_->work().seconds);
}

}  // namespace cf::apps
