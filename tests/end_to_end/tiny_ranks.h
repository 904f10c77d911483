// The tiny run on several ranks of this host, with four micro-batches a step.
#pragma once

#include <fstream>

#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/tiny_run.h"

namespace cf {

inline constexpr double kRankTimeout = 4;  // seconds

inline std::vector<std::string> tiny_ranks(const std::string& folder, int steps, int ranks,
                                           std::vector<std::string> settings = {},
                                           const std::string& device = "cpu") {
  settings.insert(settings.begin(), "train.norm_batch=8");
  auto arguments = tiny_run(folder, steps, settings);
  arguments.insert(arguments.end(), {"--device", device, "--rank-timeout", "4s"});
  if (ranks > 1) arguments.insert(arguments.end(), {"--ranks", std::to_string(ranks)});
  return arguments;
}

// Processes of the ranks, in order.
inline std::vector<pid_t> ranks_of(const ConvfirstProcess& launcher) {
  const std::string id = std::to_string(launcher.id());
  std::ifstream file("/proc/" + id + "/task/" + id + "/children");
  std::vector<pid_t> ids;
  for (pid_t child = 0; file >> child;) ids.push_back(child);
  return ids;
}

}  // namespace cf
