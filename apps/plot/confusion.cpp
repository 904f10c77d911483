#include "apps/plot/confusion.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/plot/xml.h"

namespace cf::apps {

const std::string_view kConfusionStyle = R"css(
  svg .right { fill: var(--eval); } svg .wrong { fill: var(--ema); }
  svg .cell { stroke: var(--card); stroke-width: 1; } svg .none { fill: var(--line); fill-opacity: 0.35; }
  svg .label { font-size: 12px; fill: var(--ink); }
  svg .count { font-size: 11px; text-anchor: middle; fill: var(--ink); } svg .strong { fill: var(--card); }
)css";

namespace {

constexpr std::size_t kMostClassesWithNumbers = 20;
constexpr std::size_t kMostClassesDrawn = 100;

class MatrixPainter {
 public:
  explicit MatrixPainter(const EvaluationReport& report)
      : report_(report), classes_(report.classes.size()), numbers_(classes_ <= kMostClassesWithNumbers) {
    constexpr double kSide = 620;  // of the matrix, in SVG units
    cell_ = std::clamp(kSide / static_cast<double>(classes_), 6.0, 56.0);
    row_height_ = numbers_ ? std::min(cell_, 36.0) : cell_;
  }

  std::string paint() {
    const double width = kLabelWidth + cell_ * static_cast<double>(classes_) + kRight;
    const double height = kLabelHeight + row_height_ * static_cast<double>(classes_) + kBottom;
    out_ = fmt::format(
        "<svg class=\"matrix\" viewBox=\"0 0 {0:.0f} {1:.0f}\" style=\"max-width:{0:.0f}px\" role=\"img\" "
        "aria-label=\"confusion matrix\">\n",
        width, height);
    for (std::size_t i = 0; i < classes_; ++i) paint_labels(i);
    for (std::size_t i = 0; i < classes_; ++i) paint_row(i);
    return out_ + "</svg>\n";
  }

 private:
  static constexpr double kLabelWidth = 130, kLabelHeight = 96;
  static constexpr double kRight = 56, kBottom = 8;  // labels of the last columns lean over the edge

  double left(std::size_t column) const { return kLabelWidth + cell_ * static_cast<double>(column); }
  double top(std::size_t row) const { return kLabelHeight + row_height_ * static_cast<double>(row); }

  void paint_labels(std::size_t i) {
    constexpr double kSmallestLabelled = 11;
    if (cell_ < kSmallestLabelled) return;
    const std::string name = xml_escaped(shortened(report_.classes[i], 18));
    out_ += fmt::format("<text class=\"label end\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", kLabelWidth - 8,
                        top(i) + row_height_ / 2 + 4, name);
    const double x = left(i) + cell_ / 2;
    out_ +=
        fmt::format("<text class=\"label\" transform=\"translate({:.1f} {:.1f}) rotate(-40)\">{}</text>\n", x,
                    kLabelHeight - 8, name);
  }

  void paint_row(std::size_t label) {
    const auto& row = report_.confusion[label];
    const auto images = std::accumulate(row.begin(), row.end(), std::int64_t{0});
    for (std::size_t column = 0; column < classes_; ++column) {
      const double share = images > 0 ? static_cast<double>(row[column]) / static_cast<double>(images) : 0;
      if (row[column] == 0 && !numbers_) continue;
      paint_cell(label, column, row[column], images, share);
    }
  }

  void paint_cell(std::size_t label, std::size_t column, std::int64_t count, std::int64_t images,
                  double share) {
    const char* kind = count == 0 ? "none" : label == column ? "right" : "wrong";
    // The root makes rare mistakes visible.
    const std::string opacity = count == 0 ? "" : fmt::format(" fill-opacity=\"{:.3f}\"", std::sqrt(share));
    out_ += fmt::format(
        "<rect class=\"cell {}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"{}><title>{} "
        "taken for "
        "{}: {} of {} ({:.1f} %)</title></rect>",
        kind, left(column), top(label), cell_, row_height_, opacity, xml_escaped(report_.classes[label]),
        xml_escaped(report_.classes[column]), count, images, 100 * share);
    if (numbers_ && count > 0) {
      out_ += fmt::format("<text class=\"count{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
                          share > 0.4 ? " strong" : "", left(column) + cell_ / 2,
                          top(label) + row_height_ / 2 + 4, count);
    }
    out_ += "\n";
  }

  const EvaluationReport& report_;
  std::size_t classes_;
  bool numbers_;
  double cell_, row_height_;
  std::string out_;
};

}  // namespace

std::vector<ClassAccuracy> class_accuracies(const EvaluationReport& report) {
  std::vector<ClassAccuracy> accuracies;
  for (std::size_t label = 0; label < report.confusion.size(); ++label) {
    const auto& row = report.confusion[label];
    ClassAccuracy entry{.label = label, .correct = row[label]};
    for (std::size_t other = 0; other < row.size(); ++other) {
      entry.images += row[other];
      if (other != label && row[other] > entry.taken_for_images) {
        entry.taken_for = other;
        entry.taken_for_images = row[other];
      }
    }
    if (entry.images > 0) accuracies.push_back(entry);
  }
  std::stable_sort(accuracies.begin(), accuracies.end(), [](const ClassAccuracy& a, const ClassAccuracy& b) {
    return a.accuracy() < b.accuracy();
  });
  return accuracies;
}

std::vector<ConfusedPair> confused_pairs(const EvaluationReport& report, std::size_t count) {
  std::vector<ConfusedPair> pairs;
  for (std::size_t label = 0; label < report.confusion.size(); ++label) {
    for (std::size_t other = 0; other < report.confusion[label].size(); ++other) {
      const auto images = report.confusion[label][other];
      if (other != label && images > 0) pairs.push_back({label, other, images});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const ConfusedPair& a, const ConfusedPair& b) { return a.images > b.images; });
  pairs.resize(std::min(count, pairs.size()));
  return pairs;
}

std::string confusion_svg(const EvaluationReport& report) {
  if (report.classes.empty() || report.classes.size() > kMostClassesDrawn) return "";
  return MatrixPainter(report).paint();
}

}  // namespace cf::apps
