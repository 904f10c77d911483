// Line charts as SVG.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cf::apps {

struct ChartPoint {
  double x = 0, y = 0;
};

struct ChartSeries {
  std::string name;
  std::string style;  // CSS class: train, eval, ema or second; see kChartStyle
  std::vector<ChartPoint> points;
  bool markers = false;  // a dot at each point, for series of few points
};

enum class ChartUnit { Number, Percent };  // Percent: values are shares, 1 is 100 %

struct Chart {
  std::string title;
  std::string x_label;
  std::vector<ChartSeries> series;
  ChartUnit unit = ChartUnit::Number;
  bool from_zero = false;  // the y axis includes 0
};

// Size of one chart in SVG units.
inline constexpr int kChartWidth = 540, kChartHeight = 300;

// Colours for light and dark, and fonts, of everything that chart_group() writes.
extern const std::string_view kChartStyle;

// The chart as <g>, with its upper left corner at (x, y). Points that are not finite break the line.
std::string chart_group(const Chart& chart, double x, double y);

// The chart as an <svg> element inside HTML that has kChartStyle.
std::string chart_svg(const Chart& chart);

// All charts, two beside one another, as a file of its own.
std::string charts_svg_file(const std::vector<Chart>& charts);

// Round numbers, about `count` of them, whose first and last enclose [least, most].
std::vector<double> axis_ticks(double least, double most, int count);

// Means of neighbours, so that at most `count` points are left.
std::vector<ChartPoint> thinned(const std::vector<ChartPoint>& points, std::size_t count);

}  // namespace cf::apps
