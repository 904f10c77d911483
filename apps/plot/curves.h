// The charts of a run, from its rows of metrics.
#pragma once

#include <vector>

#include "apps/plot/chart.h"
#include "apps/run_folder/metrics.h"

namespace cf::apps {

// Loss, accuracy, learning rate and throughput; those without any value are left out.
std::vector<Chart> training_charts(const std::vector<MetricsRow>& rows);

// Gradient norm, waiting for data, memory, likewise.
std::vector<Chart> diagnostic_charts(const std::vector<MetricsRow>& rows);

}  // namespace cf::apps
