// What a run says of its steps and of its data.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/console/format.h"
#include "apps/train/training.h"

namespace cf::apps {

namespace {

// What the row says of the time of each rank.
void put_times(TrainRow& row, const std::vector<RankTimes>& ranks) {
  const auto waits = [](const RankTimes& r) { return r.data / r.all; };
  const auto longest_wait = std::ranges::max_element(ranks, {}, waits);
  row.data_wait = waits(*longest_wait);
  row.data_wait_rank = longest_wait - ranks.begin();
  if (ranks.size() == 1) return;
  row.communication = 0;
  for (const RankTimes& r : ranks) {
    row.communication += r.communication / r.all / static_cast<double>(ranks.size());
  }
  if (const auto slowest = slowest_rank(ranks)) {
    row.slowest_rank = slowest->rank;
    row.slowest_cause = slowest->cause;
  }
}

std::string communication_text(const TrainRow& row) {
  if (!std::isfinite(row.communication)) return {};
  std::string text = fmt::format("  communication {:.0f} %", 100 * row.communication);
  if (row.slowest_rank) text += fmt::format(", slowest rank {} ({})", *row.slowest_rank, row.slowest_cause);
  return text;
}

}  // namespace

void Training::log_epoch() {
  const std::string verdict = images_.verdict(progress_.step / plan_.steps_per_epoch, times_.take_epoch());
  if (!verdict.empty()) log_.line(verdict);
}

// Of all ranks, since the last row.
std::vector<RankTimes> Training::times_of_ranks() {
  std::vector<RankTimes> times(static_cast<std::size_t>(ranks_.world()));
  times[static_cast<std::size_t>(ranks_.rank())] = times_.take_interval();
  ranks_.all_gather(std::as_writable_bytes(std::span(times)));
  return times;
}

void Training::log_step(double lr) {
  const IntervalSums& sums = progress_.interval;
  const auto steps = static_cast<double>(sums.steps);
  const double images = steps * config_.train.batch;
  TrainRow row{.step = progress_.step,
               .epoch = epoch(),
               .seconds = progress_.seconds,
               .loss = sums.loss / steps,
               .top1 = sums.correct / images,
               .lr = lr,
               .grad_norm = sums.gradient_norm / steps,
               .ranks = ranks_.world(),
               .img_per_s = images / sums.seconds,
               .img_per_s_per_rank = images / sums.seconds / ranks_.world(),
               .memory_bytes = static_cast<double>(step_.peak_bytes())};
  put_times(row, times_of_ranks());
  append_metrics(row);
  const double left = static_cast<double>(plan_.total_steps - progress_.step) * sums.seconds / steps;
  std::string rate = format_count(std::llround(row.img_per_s)) + " img/s";
  if (row.ranks > 1) rate += fmt::format(" ({} a rank)", format_count(std::llround(row.img_per_s_per_rank)));
  log_.line(fmt::format(
      "epoch {:.2f}  step {}/{}  loss {:.4f}  top1 {}  lr {:.4g}  {}  data wait {:.0f} %{}  memory {}  eta "
      "{}",
      row.epoch, row.step, plan_.total_steps, row.loss, format_percent(row.top1), lr, rate,
      100 * row.data_wait, communication_text(row), format_bytes(row.memory_bytes), format_duration(left)));
  progress_.interval = {};
}

void Training::append_metrics(const MetricsRow& row) {
  if (is_first()) go_on_if_full("METRICS", [&] { folder_->metrics.append(row); });
}

}  // namespace cf::apps
