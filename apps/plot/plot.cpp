#include "apps/plot/plot.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "apps/command_line.h"
#include "apps/plot/chart.h"
#include "apps/plot/curves.h"
#include "apps/plot/output_file.h"
#include "apps/plot/report.h"
#include "apps/run_folder/metrics_log.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

namespace fs = std::filesystem;

RunReport read_run(const fs::path& run) {
  const fs::path metrics = run / "metrics.jsonl";
  CF_CHECK_AS(ErrorKind::Data, fs::exists(metrics), "no file ", metrics.string(), ": ", run.string(),
              " is not the folder of a run (what `convfirst train --out` wrote)");
  RunReport report;
  report.name = fs::weakly_canonical(run).filename().string();
  report.rows = read_metrics(metrics.string());
  CF_CHECK_AS(ErrorKind::Data, !report.rows.empty(), metrics.string(), " has no rows yet");
  const fs::path config = run / "config.toml";
  if (fs::exists(config)) {
    std::ifstream file(config, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    report.config = from_toml_text(text, config.string());
  }
  const fs::path evaluation = run / "eval.json";
  if (fs::exists(evaluation)) report.evaluation = read_evaluation_report(evaluation.string());
  return report;
}

void write_and_name(const std::string& path, const std::string& text) {
  write_output_file(path, text);
  std::fputs((path + "\n").c_str(), stdout);
}

}  // namespace

int run_plot(const Command& command, const Arguments& arguments) {
  std::string run, html, svg;
  CommandLine line(command);
  line.positional("RUN", &run, "folder of a run");
  line.option("out,o", &html, "FILE", "the report as HTML (RUN/report.html unless --svg is given)");
  line.option("svg", &svg, "FILE", "the curves alone as SVG");
  if (!line.parse(arguments)) return 0;

  const RunReport report = read_run(run);
  if (html.empty() && svg.empty()) html = (fs::path(run) / "report.html").string();
  if (!html.empty()) write_and_name(html, report_html(report));
  if (!svg.empty()) write_and_name(svg, charts_svg_file(training_charts(report.rows)));
  return 0;
}

}  // namespace cf::apps
