// What a run says of its steps and of its data.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/console/format.h"
#include "apps/train/data_verdict.h"
#include "apps/train/training.h"

namespace cf::apps {

void Training::judge_data() {
  const std::string verdict = data_verdict(progress_.step / plan_.steps_per_epoch, epoch_waited_,
                                           epoch_seconds_, threads_of_loader(), loader_->work().seconds);
  if (!verdict.empty()) log_.line(verdict);
  epoch_waited_ = 0;
  epoch_seconds_ = 0;
}

// Of all ranks, as shares of the time since the last row.
std::vector<double> Training::data_waits() {
  std::vector<double> waits(static_cast<std::size_t>(ranks_.world()));
  waits[static_cast<std::size_t>(ranks_.rank())] = progress_.interval.waited / progress_.interval.seconds;
  ranks_.all_gather(std::as_writable_bytes(std::span(waits)));
  return waits;
}

void Training::log_step(double lr) {
  const IntervalSums& sums = progress_.interval;
  const auto steps = static_cast<double>(sums.steps);
  const double images = steps * config_.train.batch;
  const auto waits = data_waits();
  const auto longest_wait = std::max_element(waits.begin(), waits.end());
  const TrainRow row{.step = progress_.step,
                     .epoch = epoch(),
                     .seconds = progress_.seconds,
                     .loss = sums.loss / steps,
                     .top1 = sums.correct / images,
                     .lr = lr,
                     .grad_norm = sums.gradient_norm / steps,
                     .ranks = ranks_.world(),
                     .img_per_s = images / sums.seconds,
                     .img_per_s_per_rank = images / sums.seconds / ranks_.world(),
                     .data_wait = *longest_wait,
                     .data_wait_rank = longest_wait - waits.begin(),
                     .memory_bytes = static_cast<double>(step_.peak_bytes())};
  append_metrics(row);
  const double left = static_cast<double>(plan_.total_steps - progress_.step) * sums.seconds / steps;
  std::string rate = format_count(std::llround(row.img_per_s)) + " img/s";
  if (row.ranks > 1) rate += fmt::format(" ({} a rank)", format_count(std::llround(row.img_per_s_per_rank)));
  log_.line(fmt::format(
      "epoch {:.2f}  step {}/{}  loss {:.4f}  top1 {}  lr {:.4g}  {}  data wait {:.0f} %  memory {}  eta {}",
      row.epoch, row.step, plan_.total_steps, row.loss, format_percent(row.top1), lr, rate,
      100 * row.data_wait, format_bytes(row.memory_bytes), format_duration(left)));
  progress_.interval = {};
}

void Training::append_metrics(const MetricsRow& row) {
  if (is_first()) go_on_if_full("METRICS", [&] { folder_->metrics.append(row); });
}

}  // namespace cf::apps
