#include "apps/plot/chart.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "apps/plot/axis_ticks.h"
#include "apps/plot/xml.h"

namespace cf::apps {

const std::string_view kChartStyle = R"css(
  :root, svg { --ink: #1c2430; --soft: #66707f; --line: #e3e7ed; --card: #ffffff;
    --train: #94a3b8; --eval: #2563eb; --ema: #e8590c; --second: #0d9488; }
  @media (prefers-color-scheme: dark) { :root, svg { --ink: #e6eaf0; --soft: #98a3b3; --line: #2c3440; --card: #171c24;
    --train: #64748b; --eval: #6ea2ff; --ema: #ff9455; --second: #2dd4bf; } }
  svg text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--soft); }
  svg .title { font-size: 14px; font-weight: 600; fill: var(--ink); }
  svg .card { fill: var(--card); }
  svg .grid { stroke: var(--line); stroke-width: 1; }
  svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
  svg .train { stroke: var(--train); stroke-width: 1.5; } svg .eval { stroke: var(--eval); }
  svg .ema { stroke: var(--ema); } svg .second { stroke: var(--second); }
  svg .dot { stroke-width: 2; fill: var(--card); }
  svg .bar { stroke: var(--card); stroke-width: 0.5; fill: var(--train); }
  svg .bar.second { fill: var(--second); } svg .bar.ema { fill: var(--ema); }
  svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
)css";

namespace {

struct AxisRange {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();
  void include(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  bool empty() const { return least > most; }
};

std::string number_text(double value, ChartUnit unit) {
  if (unit == ChartUnit::Percent) return fmt::format("{:.4g} %", 100 * value);
  if (value != 0 && std::abs(value) < 1e-3) return fmt::format("{:.3g}", value);
  if (std::abs(value) >= 1e5) return fmt::format("{:.4g} k", value / 1000);
  return fmt::format("{:.5g}", value);
}

// Legends show values with four digits; ticks are round numbers already.
std::string value_text(double value, ChartUnit unit) {
  return unit == ChartUnit::Percent ? fmt::format("{:.2f} %", 100 * value) : fmt::format("{:.4g}", value);
}

class ChartPainter {
 public:
  ChartPainter(const Chart& chart, double x, double y) : chart_(chart), origin_x_(x), origin_y_(y) {
    AxisRange x_range, y_range;
    const auto include = [&](double px, double py) {
      x_range.include(px);
      y_range.include(py);
    };
    for (const ChartSeries& series : chart.series) {
      for (const ChartPoint& point : series.points) {
        if (is_visible(point)) include(point.x, point.y);
      }
    }
    for (const ChartBar& bar : chart.bars) {
      for (const double end : {bar.from, bar.to}) {
        if (is_visible({end, bar.y})) include(end, bar.y);
      }
    }
    if (x_range.empty()) x_range = y_range = {0.1, 1};
    if (chart.from_zero) y_range.include(0);
    if (x_range.least > 0 && x_range.least < 0.25 * x_range.most && chart.x_scale == ChartScale::Linear) {
      x_range.include(0);
    }
    x_ticks_ = ticks_of(x_range, chart.x_scale, 7);
    y_ticks_ = ticks_of(y_range, chart.y_scale, 5);
    if (chart.unit == ChartUnit::Percent && y_ticks_.back() > 1)
      y_ticks_ = axis_ticks(y_ticks_.front(), 1, 5);
  }

  std::string paint() {
    out_ = fmt::format("<g transform=\"translate({:.4g} {:.4g})\">\n", origin_x_, origin_y_);
    out_ +=
        fmt::format("<text class=\"title\" x=\"{}\" y=\"20\">{}</text>\n", kLeft, xml_escaped(chart_.title));
    paint_axes();
    paint_legend();
    for (const ChartBar& bar : chart_.bars) paint_bar(bar);
    for (const ChartSeries& series : chart_.series) paint_series(series);
    return out_ + "</g>\n";
  }

 private:
  static constexpr int kLeft = 56, kRight = 16, kTop = 56, kBottom = 40;
  static constexpr double kLetterWidth = 6.1;
  static constexpr int kPlotWidth = kChartWidth - kLeft - kRight;
  static constexpr int kPlotHeight = kChartHeight - kTop - kBottom;

  bool is_visible(const ChartPoint& point) const {
    const auto has_place = [](double value, ChartScale scale) {
      return std::isfinite(value) && (scale == ChartScale::Linear || value > 0);
    };
    return has_place(point.x, chart_.x_scale) && has_place(point.y, chart_.y_scale);
  }

  static std::vector<double> ticks_of(const AxisRange& range, ChartScale scale, int count) {
    return scale == ChartScale::Log ? log_ticks(range.least, range.most)
                                    : axis_ticks(range.least, range.most, count);
  }

  // Of the way from the first tick to the last.
  static double share(double value, const std::vector<double>& ticks, ChartScale scale) {
    const auto at = [&](double v) { return scale == ChartScale::Log ? std::log(v) : v; };
    return (at(value) - at(ticks.front())) / (at(ticks.back()) - at(ticks.front()));
  }
  double across(double x) const { return kLeft + kPlotWidth * share(x, x_ticks_, chart_.x_scale); }
  double down(double y) const { return kTop + kPlotHeight * (1 - share(y, y_ticks_, chart_.y_scale)); }

  void paint_axes() {
    for (const double tick : y_ticks_) {
      out_ += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft,
                          kLeft + kPlotWidth, down(tick), down(tick));
      out_ += fmt::format("<text class=\"end\" x=\"{}\" y=\"{:.1f}\">{}</text>\n", kLeft - 8, down(tick) + 4,
                          number_text(tick, chart_.unit));
    }
    for (const double tick : x_ticks_) {
      out_ += fmt::format("<text class=\"middle\" x=\"{:.1f}\" y=\"{}\">{}</text>\n", across(tick),
                          kTop + kPlotHeight + 17, number_text(tick, ChartUnit::Number));
    }
    out_ += fmt::format("<text class=\"middle\" x=\"{}\" y=\"{}\">{}</text>\n", kLeft + kPlotWidth / 2,
                        kChartHeight - 6, xml_escaped(chart_.x_label));
  }

  // Names with their last values, from the left below the title.
  void paint_legend() {
    double x = kLeft;
    for (const ChartSeries& series : chart_.series) {
      const auto last = std::find_if(series.points.rbegin(), series.points.rend(),
                                     [&](const ChartPoint& point) { return is_visible(point); });
      if (last == series.points.rend() || series.legend == ChartLegend::None) continue;
      const std::string text = series.legend == ChartLegend::Name
                                   ? series.name
                                   : series.name + " " + value_text(last->y, chart_.unit);
      out_ += series.line
                  ? fmt::format("<line class=\"curve {}\" x1=\"{:.0f}\" x2=\"{:.0f}\" y1=\"37\" y2=\"37\"/>",
                                series.style, x, x + 14)
                  : fmt::format("<circle class=\"dot {}\" cx=\"{:.0f}\" cy=\"37\" r=\"3\"/>", series.style,
                                x + 7);
      out_ += fmt::format("<text x=\"{:.0f}\" y=\"41\">{}</text>\n", x + 20, xml_escaped(text));
      x += 20 + kLetterWidth * static_cast<double>(text.size()) + 18;
    }
  }

  void paint_bar(const ChartBar& bar) {
    constexpr double kLeastHeight = 1.5;  // so that it can be seen
    if (!std::isfinite(bar.y) || !is_visible({bar.to, y_ticks_.back()})) return;
    const double left = across(std::max(bar.from, x_ticks_.front())), bottom = kTop + kPlotHeight;
    const double top =
        bar.y > y_ticks_.front() ? std::min(down(bar.y), bottom - kLeastHeight) : bottom - kLeastHeight;
    out_ += fmt::format(
        "<rect class=\"bar {}\" x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\">"
        "<title>{}</title></rect>\n",
        bar.style, left, top, across(bar.to) - left, bottom - top, xml_escaped(bar.text));
  }

  std::string path_of(const ChartSeries& series) const {
    std::string path;
    bool pen_down = false;
    for (const ChartPoint& point : series.points) {
      const bool visible = is_visible(point);
      if (visible) {
        path += fmt::format("{}{:.1f} {:.1f}", pen_down ? "L" : "M", across(point.x), down(point.y));
      }
      pen_down = visible;
    }
    return path;
  }

  void paint_series(const ChartSeries& series) {
    const std::string path = path_of(series);
    if (path.empty()) return;
    if (series.line) out_ += fmt::format("<path class=\"curve {}\" d=\"{}\"/>\n", series.style, path);
    if (!series.markers) return;
    for (const ChartPoint& point : series.points) {
      if (!is_visible(point)) continue;
      out_ += fmt::format(
          "<circle class=\"dot {}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>{}: {} at "
          "{:.4g}</title></circle>\n",
          series.style, across(point.x), down(point.y), xml_escaped(series.name),
          value_text(point.y, chart_.unit), point.x);
      if (!point.label.empty()) paint_label(point);
    }
  }

  // On the side where there is more room, in the first line above or below that no other label crosses.
  void paint_label(const ChartPoint& point) {
    const bool ends_here = share(point.x, x_ticks_, chart_.x_scale) > 0.6;
    const double width = kLetterWidth * static_cast<double>(point.label.size());
    const double x = across(point.x) + (ends_here ? -7 : 7), left = ends_here ? x - width : x;
    double y = down(point.y) - 7;
    for (int step = 1; is_taken(left, left + width, y); ++step) y += (step % 2 == 1 ? 1 : -1) * step * 22;
    labels_.push_back({left, left + width, y});
    out_ += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                        ends_here ? "end" : "start", x, y, xml_escaped(point.label));
  }

  bool is_taken(double left, double right, double y) const {
    constexpr double kLineHeight = 13;
    return std::any_of(labels_.begin(), labels_.end(), [&](const Label& other) {
      return left < other.right && other.left < right && std::abs(y - other.y) < kLineHeight;
    });
  }

  const Chart& chart_;
  double origin_x_, origin_y_;
  std::vector<double> x_ticks_, y_ticks_;
  struct Label {
    double left, right, y;
  };
  std::vector<Label> labels_;
  std::string out_;
};

}  // namespace

std::vector<ChartPoint> thinned(const std::vector<ChartPoint>& points, std::size_t count) {
  if (points.size() <= count) return points;
  std::vector<ChartPoint> out;
  for (std::size_t bin = 0; bin < count; ++bin) {
    const std::size_t first = bin * points.size() / count, last = (bin + 1) * points.size() / count;
    ChartPoint sum;
    for (std::size_t i = first; i < last; ++i) {
      sum.x += points[i].x;
      sum.y += points[i].y;
    }
    const auto size = static_cast<double>(last - first);
    out.push_back({sum.x / size, sum.y / size});
  }
  return out;
}

std::string chart_group(const Chart& chart, double x, double y) { return ChartPainter(chart, x, y).paint(); }

std::string chart_svg(const Chart& chart) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n", kChartWidth,
                     kChartHeight, xml_escaped(chart.title), chart_group(chart, 0, 0));
}

std::string charts_svg_file(const std::vector<Chart>& charts) {
  constexpr int kMargin = 12;
  const auto columns = std::min<std::size_t>(2, charts.size());
  const auto rows = (charts.size() + 1) / 2;
  const auto width = static_cast<int>(columns) * kChartWidth + 2 * kMargin;
  const auto height = static_cast<int>(rows) * kChartHeight + 2 * kMargin;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n"
      "<style>{2}</style>\n<rect class=\"card\" width=\"{0}\" height=\"{1}\" rx=\"10\"/>\n",
      width, height, kChartStyle);
  for (std::size_t i = 0; i < charts.size(); ++i) {
    const auto column = static_cast<int>(i % 2), row = static_cast<int>(i / 2);
    out += chart_group(charts[i], kMargin + column * kChartWidth, kMargin + row * kChartHeight);
  }
  return out + "</svg>\n";
}

}  // namespace cf::apps
