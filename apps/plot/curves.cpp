#include "apps/plot/curves.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cf::apps {
namespace {

constexpr std::size_t kMostPoints = 400;  // more than the chart is wide in pixels says nothing

template <class Row>
ChartSeries series_of(const std::vector<MetricsRow>& rows, double Row::*member, const std::string& name,
                      const std::string& style, double scale = 1) {
  ChartSeries series{name, style, {}, std::is_same_v<Row, EvalRow>};
  for (const MetricsRow& row : rows) {
    const Row* of_kind = std::get_if<Row>(&row);
    if (of_kind) series.points.push_back({of_kind->epoch, of_kind->*member * scale});
  }
  constexpr std::size_t kMostMarkers = 60;
  series.markers = series.markers && series.points.size() <= kMostMarkers;
  series.points = thinned(series.points, kMostPoints);
  return series;
}

bool has_values(const ChartSeries& series) {
  return std::any_of(series.points.begin(), series.points.end(),
                     [](const ChartPoint& point) { return std::isfinite(point.y); });
}

std::vector<Chart> with_values(std::vector<Chart> charts) {
  for (Chart& chart : charts) {
    chart.x_label = "epoch";
    std::erase_if(chart.series, [](const ChartSeries& series) { return !has_values(series); });
  }
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace

std::vector<Chart> training_charts(const std::vector<MetricsRow>& rows) {
  return with_values({
      {.title = "Loss",
       .series = {series_of(rows, &TrainRow::loss, "training", "train"),
                  series_of(rows, &EvalRow::loss, "validation", "eval"),
                  series_of(rows, &EvalRow::ema_loss, "validation, EMA", "ema")}},
      {.title = "Top-1 accuracy",
       .series = {series_of(rows, &TrainRow::top1, "training", "train"),
                  series_of(rows, &EvalRow::top1, "validation", "eval"),
                  series_of(rows, &EvalRow::ema_top1, "validation, EMA", "ema")},
       .unit = ChartUnit::Percent},
      {.title = "Learning rate",
       .series = {series_of(rows, &TrainRow::lr, "learning rate", "second")},
       .from_zero = true},
      {.title = "Throughput, images per second",
       .series = {series_of(rows, &TrainRow::img_per_s, "images / s", "second")},
       .from_zero = true},
  });
}

std::vector<Chart> diagnostic_charts(const std::vector<MetricsRow>& rows) {
  constexpr double kMiB = 1024.0 * 1024.0;
  return with_values({
      {.title = "Gradient norm",
       .series = {series_of(rows, &TrainRow::grad_norm, "before clipping", "second")},
       .from_zero = true},
      {.title = "Time spent waiting for data",
       .series = {series_of(rows, &TrainRow::data_wait, "share of the time", "second")},
       .unit = ChartUnit::Percent,
       .from_zero = true},
      {.title = "Memory, MiB",
       .series = {series_of(rows, &TrainRow::memory_bytes, "in use", "second", 1 / kMiB)},
       .from_zero = true},
  });
}

}  // namespace cf::apps
