// Charts of lines, markers and bars as SVG.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cf::apps {

struct ChartPoint {
  double x = 0, y = 0;
  std::string label = {};  // beside the marker
};

enum class ChartLegend { LastValue, Name, None };  // the series' name with its last value, alone, not at all

struct ChartSeries {
  std::string name;
  std::string style;  // CSS class: train, eval, ema or second; see kChartStyle
  std::vector<ChartPoint> points;
  bool markers = false;  // a dot at each point, for series of few points
  bool line = true;
  ChartLegend legend = ChartLegend::LastValue;
};

// A rectangle from the x axis up to y, below the lines.
struct ChartBar {
  double from = 0, to = 0, y = 0;
  std::string style;  // as of a series
  std::string text;   // what it is, shown where the pointer is on it
};

enum class ChartUnit { Number, Percent };  // Percent: values are shares, 1 is 100 %
enum class ChartScale { Linear, Log };     // Log: values that are not positive are left out, bars drawn flat

struct Chart {
  std::string title;
  std::string x_label;
  std::vector<ChartSeries> series;
  ChartUnit unit = ChartUnit::Number;
  bool from_zero = false;  // the y axis includes 0
  std::vector<ChartBar> bars = {};
  ChartScale x_scale = ChartScale::Linear, y_scale = ChartScale::Linear;
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

// Means of neighbours, so that at most `count` points are left.
std::vector<ChartPoint> thinned(const std::vector<ChartPoint>& points, std::size_t count);

}  // namespace cf::apps
