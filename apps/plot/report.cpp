#include "apps/plot/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/console/format.h"
#include "apps/plot/chart.h"
#include "apps/plot/confusion.h"
#include "apps/plot/curves.h"
#include "apps/plot/xml.h"
#include "apps/version.h"

namespace cf::apps {
namespace {

constexpr std::string_view kPageStyle = R"css(
  :root { color-scheme: light dark; --page: #f4f6f9; }
  @media (prefers-color-scheme: dark) { :root { --page: #0e1218; } }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.45;
    font: 15px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
  main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 48px; }
  h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 36px 0 12px; }
  .sub { color: var(--soft); margin: 0 0 20px; }
  .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px; }
  .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }
  .tile b { display: block; font-size: 24px; font-weight: 650; } .tile span { color: var(--soft); font-size: 13px; }
  .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(460px, 100%), 1fr)); gap: 12px; }
  .small { grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); margin-top: 12px; }
  .small svg text { font-size: 14px; } .small svg .title { font-size: 18px; }
  .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(460px, 100%), 1fr)); gap: 12px;
    align-items: start; margin-top: 12px; }
  svg { width: 100%; height: auto; display: block; } svg.matrix { margin: 0 auto; }
  table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
  th { text-align: left; color: var(--soft); font-weight: 500; } h3 { font-size: 15px; margin: 0 0 8px; }
  th, td { padding: 5px 8px; border-bottom: 1px solid var(--line); } td.n, th.n { text-align: right; }
  tr:last-child td { border-bottom: 0; }
  .bar { width: 22%; } .bar div { background: var(--eval); height: 8px; border-radius: 4px; }
  pre { overflow-x: auto; font-size: 13px; margin: 12px 0 0; } summary { cursor: pointer; color: var(--soft); }
  footer { color: var(--soft); font-size: 13px; margin-top: 36px; }
)css";

template <class Row>
const Row* last_of(const std::vector<MetricsRow>& rows) {
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (const Row* found = std::get_if<Row>(&*row)) return found;
  }
  return nullptr;
}

std::optional<double> median_throughput(const std::vector<MetricsRow>& rows) {
  std::vector<double> speeds;
  for (const MetricsRow& row : rows) {
    const auto* train = std::get_if<TrainRow>(&row);
    if (train && std::isfinite(train->img_per_s)) speeds.push_back(train->img_per_s);
  }
  if (speeds.empty()) return std::nullopt;
  const auto middle = speeds.begin() + static_cast<std::ptrdiff_t>(speeds.size() / 2);
  std::nth_element(speeds.begin(), middle, speeds.end());
  return *middle;
}

class Page {
 public:
  explicit Page(const RunReport& report) : report_(report) {}

  std::string write() {
    const std::string name = xml_escaped(report_.name);
    out_ = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{}</title>\n"
        "<style>{}{}{}</style>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n",
        name, kChartStyle, kConfusionStyle, kPageStyle, name);
    write_subtitle();
    write_tiles();
    out_ += "<h2>Training</h2>\n";
    write_charts("charts", training_charts(report_.rows));
    write_charts("charts small", diagnostic_charts(report_.rows));
    if (report_.evaluation) write_evaluation(*report_.evaluation);
    if (report_.config) write_configuration(*report_.config);
    out_ += fmt::format("<footer>convfirst {} ({})</footer>\n</main>\n</body>\n</html>\n",
                        xml_escaped(version()), xml_escaped(build_id()));
    return std::move(out_);
  }

 private:
  void write_subtitle() {
    if (!report_.config) return;
    const Config& config = *report_.config;
    out_ += fmt::format("<p class=\"sub\">{} &#183; {} &#183; {} &#183; batch {} &#183; {}</p>\n",
                        xml_escaped(config.model.name), xml_escaped(config.data.train),
                        config.train.duration.text(), config.train.batch, xml_escaped(config.optimizer.kind));
  }

  void write_charts(const char* style, const std::vector<Chart>& charts) {
    out_ += fmt::format("<div class=\"{}\">\n", style);
    for (const Chart& chart : charts) out_ += "<div class=\"card\">" + chart_svg(chart) + "</div>\n";
    out_ += "</div>\n";
  }

  void tile(const std::string& value, const std::string& label) {
    out_ += fmt::format("<div class=\"card tile\"><b>{}</b><span>{}</span></div>\n", xml_escaped(value),
                        xml_escaped(label));
  }

  void write_tiles() {
    out_ += "<div class=\"tiles\">\n";
    if (const EvalRow* eval = last_of<EvalRow>(report_.rows)) {
      tile(format_percent(eval->top1), "top-1, validation");
      if (std::isfinite(eval->ema_top1)) tile(format_percent(eval->ema_top1), "top-1, EMA weights");
      tile(format_percent(eval->top5), "top-5, validation");
      if (std::isfinite(eval->loss)) tile(fmt::format("{:.4g}", eval->loss), "validation loss");
    }
    if (const TrainRow* train = last_of<TrainRow>(report_.rows)) {
      tile(format_count(train->step), fmt::format("steps, {:.4g} epochs", train->epoch));
      tile(format_duration(train->seconds), "of training");
      const auto speed = median_throughput(report_.rows);
      if (speed) tile(format_count(std::llround(*speed)), "images per second, median");
    }
    out_ += "</div>\n";
  }

  void write_evaluation(const EvaluationReport& evaluation) {
    const std::string weights =
        evaluation.weights.empty()
            ? ""
            : ", " + std::string(evaluation.weights == "ema" ? "EMA" : evaluation.weights) + " weights";
    out_ += fmt::format("<h2>Evaluation</h2>\n<p class=\"sub\">{} images{}: top-1 {}, top-5 {}</p>\n",
                        format_count(evaluation.images), xml_escaped(weights),
                        format_percent(evaluation.top1), format_percent(evaluation.top5));
    const std::string matrix = confusion_svg(evaluation);
    if (!matrix.empty()) {
      out_ += "<div class=\"card\"><h3>Confusion matrix: true class by row, prediction by column</h3>\n" +
              matrix + "</div>\n";
    }
    out_ += "<div class=\"pair\">\n";
    write_worst_classes(evaluation);
    write_confused_pairs(evaluation);
    out_ += "</div>\n";
  }

  void write_worst_classes(const EvaluationReport& evaluation) {
    constexpr std::size_t kMostRows = 10;
    out_ +=
        "<div class=\"card\"><h3>Worst classes</h3>\n<table>\n<tr><th>class</th><th class=\"n\">images</th>"
        "<th class=\"n\">accuracy</th><th></th><th>most often taken for</th></tr>\n";
    auto accuracies = class_accuracies(evaluation);
    accuracies.resize(std::min(accuracies.size(), kMostRows));
    for (const ClassAccuracy& entry : accuracies) {
      const bool mistaken = entry.taken_for_images > 0;
      const std::string other =
          mistaken ? fmt::format("{} ({})", evaluation.classes[entry.taken_for], entry.taken_for_images) : "";
      out_ += fmt::format(
          "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"bar\"><div "
          "style=\"width:{:.1f}%\"></div></td><td>{}</td></tr>\n",
          xml_escaped(evaluation.classes[entry.label]), format_count(entry.images),
          format_percent(entry.accuracy(), 1), 100 * entry.accuracy(), xml_escaped(other));
    }
    out_ += "</table></div>\n";
  }

  void write_confused_pairs(const EvaluationReport& evaluation) {
    out_ +=
        "<div class=\"card\"><h3>Most frequent mistakes</h3>\n<table>\n<tr><th>true class</th><th>taken "
        "for</th>"
        "<th class=\"n\">images</th></tr>\n";
    for (const ConfusedPair& pair : confused_pairs(evaluation, 10)) {
      out_ += fmt::format("<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td></tr>\n",
                          xml_escaped(evaluation.classes[pair.label]),
                          xml_escaped(evaluation.classes[pair.taken_for]), format_count(pair.images));
    }
    out_ += "</table></div>\n";
  }

  void write_configuration(const Config& config) {
    out_ += fmt::format(
        "<h2>Configuration</h2>\n<div class=\"card\"><details><summary>the resolved configuration</summary>"
        "<pre>{}</pre></details></div>\n",
        xml_escaped(to_toml(config)));
  }

  const RunReport& report_;
  std::string out_;
};

}  // namespace

std::string report_html(const RunReport& report) { return Page(report).write(); }

}  // namespace cf::apps
