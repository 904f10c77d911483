// What a run records: one row per logged step and per evaluation in RUN/metrics.jsonl, and the confusion
// matrix of the last evaluation in RUN/eval.json.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cf::apps {

// Not measured; written as null.
inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// Means over the steps since the row before; `step` counts finished optimizer steps from the start of
// training.
struct TrainRow {
  std::int64_t step = 0;
  double epoch = 0;    // finished part, in epochs
  double seconds = 0;  // of training so far, over all starts of the run
  double loss = kNotMeasured;
  double top1 = kNotMeasured;  // of the augmented training images, in [0, 1]
  double lr = kNotMeasured;    // of the last step
  double grad_norm = kNotMeasured;
  std::int64_t ranks = 1;
  double img_per_s = kNotMeasured;  // of all ranks
  double img_per_s_per_rank = kNotMeasured;
  double data_wait = kNotMeasured;  // share of the time spent waiting for data, in [0, 1], and
  std::int64_t data_wait_rank = 0;  // by which rank; it is the one that waits most
  // Of several ranks.
  double communication = kNotMeasured;  // share of the time in sums over ranks or waiting there, beside no
                                        // computing; their mean
  std::optional<std::int64_t> slowest_rank;  // that the others wait for, where one stands out, and
  std::string slowest_cause;                 // why: "data" or "compute"
  double memory_bytes = kNotMeasured;
};

struct EvalRow {
  std::int64_t step = 0;
  double epoch = 0;
  double seconds = 0;  // of training so far
  std::int64_t images = 0;
  double top1 = kNotMeasured, top5 = kNotMeasured;  // in [0, 1]
  double loss = kNotMeasured;
  double ema_top1 = kNotMeasured, ema_top5 = kNotMeasured, ema_loss = kNotMeasured;
};

using MetricsRow = std::variant<TrainRow, EvalRow>;

std::int64_t step_of(const MetricsRow& row);

// One line of metrics.jsonl, without the line end.
std::string to_json_line(const MetricsRow& row);

// Throws a Data error for what is not such a line; unknown members are ignored.
MetricsRow metrics_row_from_json(const std::string& line);

// RUN/eval.json: accuracies in [0, 1]; confusion[i][j] counts images of class i that were taken for class j.
struct EvaluationReport {
  std::vector<std::string> classes;
  std::vector<std::vector<std::int64_t>> confusion;
  double top1 = 0, top5 = 0, loss = kNotMeasured;
  std::int64_t images = 0;
  std::string checkpoint;  // what was evaluated
  std::string weights;     // "raw" or "ema"
};

// Replaces the file in one step; a Checkpoint error where it cannot be written.
void write_evaluation_report(const std::string& path, const EvaluationReport& report);

// Throws a Data error that names the file and what is wrong with it.
EvaluationReport read_evaluation_report(const std::string& path);

}  // namespace cf::apps
