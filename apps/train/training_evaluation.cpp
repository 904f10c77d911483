// The evaluations of a run: of the weights and of their average.

#include <fmt/format.h>

#include <algorithm>

#include "apps/console/format.h"
#include "apps/train/training.h"

namespace cf::apps {

// Returns whether the raw or the averaged weights are better than ever before.
bool Training::evaluate_now() {
  require_finite_state();
  EvalRow row{
      .step = progress_.step, .epoch = epoch(), .seconds = progress_.seconds, .images = val_data_->size()};
  evaluate_weights(row, false);
  if (optimizer_.averages()) evaluate_weights(row, true);
  append_metrics(row);
  std::string line = fmt::format("eval   step {}  top1 {}  top5 {}  loss {:.4f}", row.step,
                                 format_percent(row.top1), format_percent(row.top5), row.loss);
  if (optimizer_.averages()) {
    line += fmt::format("  ema: top1 {}  top5 {}  loss {:.4f}", format_percent(row.ema_top1),
                        format_percent(row.ema_top5), row.ema_loss);
  }
  log_.line(line);

  scores_.raw = row.top1;
  if (optimizer_.averages()) scores_.ema = row.ema_top1;
  const bool new_best = row.top1 > progress_.best_top1 || row.ema_top1 > progress_.best_ema_top1;
  progress_.best_top1 = std::max(progress_.best_top1, row.top1);
  if (optimizer_.averages()) progress_.best_ema_top1 = std::max(progress_.best_ema_top1, row.ema_top1);
  return new_best;
}

void Training::evaluate_weights(EvalRow& row, bool average) {
  Progress bar(average ? "eval ema" : "eval", val_data_->size(), is_first() ? stderr : nullptr, 1e9);
  if (average) optimizer_.swap_average();
  store_->prepare_compute(executor_->compute_type());
  const auto show = [&](std::int64_t images) { bar.update(std::min(images, val_data_->size())); };
  const EvaluationResult result = evaluate(*executor_, net_, *val_data_, config_, show, ranks_);
  if (average) optimizer_.swap_average();
  (average ? row.ema_top1 : row.top1) = result.top1();
  (average ? row.ema_top5 : row.top5) = result.top5();
  (average ? row.ema_loss : row.loss) = result.loss;
  if (!is_first()) return;
  const EvaluationReport report{.classes = val_data_->class_names(),
                                .confusion = result.confusion,
                                .top1 = result.top1(),
                                .top5 = result.top5(),
                                .loss = result.loss,
                                .images = result.images,
                                .checkpoint = fmt::format("step {}", progress_.step),
                                .weights = average ? "ema" : "raw"};
  go_on_if_full("EVALUATION REPORT",
                [&] { write_evaluation_report(options_.run_folder / "eval.json", report); });
}

}  // namespace cf::apps
