// The report of a run as one HTML page: no script, no file beside it, no address outside.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/config/config.h"
#include "apps/run_folder/metrics.h"

namespace cf::apps {

struct RunReport {
  std::string name;                            // of the run
  std::vector<MetricsRow> rows;                // at least one
  std::optional<Config> config;                // of RUN/config.toml
  std::optional<EvaluationReport> evaluation;  // of RUN/eval.json
};

std::string report_html(const RunReport& report);

}  // namespace cf::apps
