#include <gtest/gtest.h>

#include <boost/property_tree/xml_parser.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "apps/command.h"
#include "apps/plot/axis_ticks.h"
#include "apps/plot/chart.h"
#include "apps/plot/confusion.h"
#include "apps/plot/curves.h"
#include "apps/plot/report.h"
#include "apps/plot/xml.h"
#include "apps/run_folder/metrics_log.h"
#include "kernels/base/check.h"
#include "tests/scratch_folder.h"

namespace cf::apps {
namespace {

namespace fs = std::filesystem;

// Throws unless the text is well-formed XML.
boost::property_tree::ptree parse_xml(const std::string& text) {
  std::istringstream stream(text);
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(stream, tree);
  return tree;
}

int occurrences(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

EvaluationReport three_classes() {
  return {.classes = {"cat", "dog & <wolf>", "\"bird\""},
          .confusion = {{8, 2, 0}, {1, 4, 5}, {0, 0, 10}},
          .top1 = 22.0 / 30,
          .top5 = 1,
          .images = 30,
          .weights = "ema"};
}

RunReport small_run() {
  RunReport report{.name = "run <1>", .config = load_config("pico").config, .evaluation = three_classes()};
  for (int step = 1; step <= 20; ++step) {
    const double epoch = step / 10.0;
    report.rows.emplace_back(
        TrainRow{.step = step, .epoch = epoch, .loss = 2 / epoch, .top1 = 0.04 * step, .lr = 0.1});
  }
  report.rows.emplace_back(EvalRow{.step = 20, .epoch = 2, .top1 = 0.75, .loss = 0.5, .ema_top1 = 0.8125});
  return report;
}

TEST(Report, IsWellFormedAndSelfContained) {
  const std::string html = report_html(small_run());
  EXPECT_NO_THROW(parse_xml(html)) << html;
  EXPECT_EQ(html.find("://"), std::string::npos);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<link"), std::string::npos);
  EXPECT_EQ(html.find("src="), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(Report, HoldsCurvesMatrixTablesAndConfiguration) {
  const std::string html = report_html(small_run());
  for (const char* part :
       {"run &lt;1&gt;", "75.00 %", "81.25 %", "aria-label=\"Loss\"", "aria-label=\"Learning rate\"",
        "aria-label=\"confusion matrix\"", "dog &amp; &lt;wolf&gt;", "&quot;bird&quot; (5)", "Worst classes",
        "Most frequent mistakes", "widths = [16, 24, 40, 64]"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(html.find("Throughput"), std::string::npos) << "a chart without values";
}

TEST(Report, ThroughputIsTheMedian) {
  RunReport report{.name = "run"};
  for (const double speed : {900.0, 5000.0, 1000.0}) report.rows.push_back(TrainRow{.img_per_s = speed});
  report.rows.push_back(TrainRow{.step = 4});
  const std::string html = report_html(report);
  EXPECT_NE(html.find("<b>1,000</b><span>images per second, median</span>"), std::string::npos) << html;
}

TEST(Report, OfARunThatHasJustBegun) {
  RunReport report{.name = "young", .rows = {TrainRow{.step = 1}}};
  EXPECT_NO_THROW(parse_xml(report_html(report)));
  report.rows = {EvalRow{.step = 0, .top1 = 0.1}};
  const std::string html = report_html(report);
  EXPECT_NO_THROW(parse_xml(html));
  EXPECT_EQ(html.find("nan"), std::string::npos);
}

TEST(Charts, FileIsWellFormedSvg) {
  const auto tree = parse_xml(charts_svg_file(training_charts(small_run().rows)));
  EXPECT_EQ(tree.get_child("svg").get<std::string>("<xmlattr>.xmlns"), "http://www.w3.org/2000/svg");
}

TEST(Charts, CurveRunsThroughItsPoints) {
  // Ticks 0 ... 10 and 0 ... 1: (5, 0.5) is the middle of the plot.
  const std::string svg = chart_svg(
      {.title = "t", .series = {{.name = "a", .style = "eval", .points = {{0, 0}, {5, 0.5}, {10, 1}}}}});
  EXPECT_NE(svg.find("d=\"M56.0 260.0L290.0 158.0L524.0 56.0\""), std::string::npos) << svg;
}

TEST(Charts, PointsThatAreNotFiniteBreakTheLine) {
  const double nan = std::nan("");
  const std::string svg = chart_svg(
      {.title = "t",
       .series = {{.name = "a", .style = "eval", .points = {{0, 0}, {1, 1}, {2, nan}, {3, 1}, {4, 0}}}}});
  EXPECT_EQ(occurrences(svg, "M"), 2) << svg;
}

TEST(Charts, TicksAreRoundAndEncloseTheValues) {
  EXPECT_EQ(axis_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  for (const auto& [least, most] : std::vector<std::pair<double, double>>{
           {0.013, 0.97}, {-3, 8}, {1e-7, 2e-7}, {5, 5}, {0, 0}, {1e9, 1.00001e9}}) {
    const auto ticks = axis_ticks(least, most, 5);
    EXPECT_LE(ticks.front(), least + 1e-5 * (most - least));
    EXPECT_GE(ticks.back(), most - 1e-5 * (most - least));
    EXPECT_GE(ticks.size(), 2u);
    EXPECT_LE(ticks.size(), 9u);
  }
}

TEST(Charts, LogTicksEncloseTheValues) {
  EXPECT_EQ(log_ticks(3, 40), (std::vector<double>{2, 5, 10, 20, 50}));
  EXPECT_EQ(log_ticks(0.5, 3000), (std::vector<double>{0.1, 1, 10, 100, 1000, 10000}));
  EXPECT_EQ(log_ticks(10, 10), (std::vector<double>{10, 20}));
}

// Ticks 1 ... 100: 10 is the middle; bars stand on the axis and are flat where the scale has no place.
TEST(Charts, LogScaleHoldsLinesBarsAndLabels) {
  const std::string svg =
      chart_svg({.title = "t",
                 .series = {{.name = "a",
                             .style = "eval",
                             .points = {{1, 1}, {10, 1000, "<ten>"}, {0, 5}, {100, 1e6}},
                             .markers = true,
                             .line = false,
                             .legend = ChartLegend::Name}},
                 .bars = {{.from = 1, .to = 10, .y = 1000, .style = "ema", .text = "b & c"},
                          {.from = 10, .to = 100, .y = 0, .style = "ema", .text = "flat"}},
                 .x_scale = ChartScale::Log,
                 .y_scale = ChartScale::Log});
  EXPECT_NO_THROW(parse_xml(svg)) << svg;
  EXPECT_NE(svg.find("cx=\"290.0\" cy=\"158.0\""), std::string::npos) << svg;
  EXPECT_NE(svg.find("&lt;ten&gt;"), std::string::npos) << svg;
  EXPECT_NE(svg.find("width=\"234.00\" height=\"102.0\"><title>b &amp; c"), std::string::npos) << svg;
  EXPECT_NE(svg.find("height=\"1.5\"><title>flat"), std::string::npos) << svg;
  EXPECT_EQ(occurrences(svg, "<circle"), 1 + 3) << "the legend's, and one of each point that has a place";
  EXPECT_EQ(svg.find("<path"), std::string::npos);
}

TEST(Charts, LabelsAvoidOneAnother) {
  Chart chart{.title = "t", .series = {{.name = "a", .style = "eval", .points = {}, .markers = true}}};
  for (const double x : {0.0, 0.1, 0.2, 9.0}) chart.series[0].points.push_back({x, 1, "as long a label"});
  const std::string svg = chart_svg(chart);
  std::set<std::string> lines;
  for (auto at = svg.find("as long"); at != std::string::npos; at = svg.find("as long", at + 1)) {
    const auto y = svg.rfind("y=", at);
    lines.insert(svg.substr(y, at - y));
  }
  EXPECT_EQ(lines.size(), 3U) << "three beside one another, the last with the first\n" << svg;
}

TEST(Charts, ThinningTakesMeansOfNeighbours) {
  const std::vector<ChartPoint> points = {{0, 1}, {1, 3}, {2, 5}, {3, 7}, {4, 9}};
  const auto thin = thinned(points, 2);
  ASSERT_EQ(thin.size(), 2u);
  EXPECT_EQ(thin[0].x, 0.5);
  EXPECT_EQ(thin[0].y, 2);
  EXPECT_EQ(thin[1].y, 7);
  EXPECT_EQ(thinned(points, 5).size(), 5u);
}

TEST(Confusion, WorstClassesFirst) {
  const auto accuracies = class_accuracies(three_classes());
  ASSERT_EQ(accuracies.size(), 3u);
  EXPECT_EQ(accuracies[0].label, 1u);
  EXPECT_EQ(accuracies[0].accuracy(), 0.4);
  EXPECT_EQ(accuracies[0].taken_for, 2u);
  EXPECT_EQ(accuracies[0].taken_for_images, 5);
  EXPECT_EQ(accuracies[2].label, 2u);
  EXPECT_EQ(accuracies[2].taken_for_images, 0);
}

TEST(Confusion, ClassWithoutImagesIsLeftOut) {
  const EvaluationReport report{.classes = {"a", "b"}, .confusion = {{0, 0}, {1, 2}}};
  ASSERT_EQ(class_accuracies(report).size(), 1u);
  EXPECT_NO_THROW(parse_xml(confusion_svg(report)));
}

TEST(Confusion, MostFrequentMistakes) {
  const auto pairs = confused_pairs(three_classes(), 2);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].label, 1u);
  EXPECT_EQ(pairs[0].taken_for, 2u);
  EXPECT_EQ(pairs[1].images, 2);
}

TEST(Confusion, PictureForAnyNumberOfClasses) {
  for (const std::size_t classes : {1, 20, 21, 100}) {
    EvaluationReport report{.classes = std::vector<std::string>(classes, "<class>"),
                            .confusion = {classes, std::vector<std::int64_t>(classes, 3)}};
    EXPECT_NO_THROW(parse_xml(confusion_svg(report))) << classes;
  }
  EXPECT_EQ(confusion_svg({.classes = std::vector<std::string>(101)}), "");
}

TEST(Xml, EscapesAndForbiddenCharacters) {
  EXPECT_EQ(xml_escaped("a<b>&\"c\"\x01\n"), "a&lt;b&gt;&amp;&quot;c&quot; \n");
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdef", 3), "abc…");
  EXPECT_EQ(shortened("ab\xc3\xa9z", 3), "ab…") << "not inside a character";
}

class PlotCommand : public testing::Test {
 protected:
  std::string error_of(const Arguments& arguments, ErrorKind kind) const {
    try {
      run_program(arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.what();
    }
    return "no error";
  }

  const ScratchFolder scratch_;
  const fs::path folder_ = scratch_.path();
};

TEST_F(PlotCommand, WritesReportAndCurves) {
  const auto run = folder_ / "run";
  fs::create_directories(run);
  MetricsLog((run / "metrics.jsonl").string()).append(TrainRow{.step = 1, .epoch = 1, .loss = 2});
  EXPECT_EQ(run_program({"plot", run.string()}), 0);
  EXPECT_TRUE(fs::exists(run / "report.html"));
  const auto svg = folder_ / "curves.svg";
  EXPECT_EQ(run_program({"plot", run.string(), "--svg", svg.string()}), 0);
  EXPECT_GT(fs::file_size(svg), 1000u);
}

TEST_F(PlotCommand, FolderThatIsNoRun) {
  EXPECT_NE(error_of({"plot", folder_.string()}, ErrorKind::Data).find("is not the folder of a run"),
            std::string::npos);
  std::ofstream(folder_ / "metrics.jsonl").flush();
  EXPECT_NE(error_of({"plot", folder_.string()}, ErrorKind::Data).find("has no rows yet"), std::string::npos);
}

TEST_F(PlotCommand, PlaceThatCannotBeWritten) {
  MetricsLog((folder_ / "metrics.jsonl").string()).append(TrainRow{.step = 1});
  const auto out = (folder_ / "none" / "report.html").string();
  EXPECT_EQ(error_of({"plot", folder_.string(), "-o", out}, ErrorKind::Usage),
            "cannot write " + out + ": No such file or directory");
}

}  // namespace
}  // namespace cf::apps
