// A command that several processes carry out together: the options that say how many there are and where they
// meet, and this process's part in it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "apps/command_line.h"
#include "apps/launch/rank_session.h"

namespace cf::apps {

struct RankOptions {
  std::string count;   // --ranks
  std::string master;  // --master
  std::string silence = "60s", join = "10min";

  void add_to(CommandLine& line);
  // How many ranks this process shall start; null where it is not asked to, or is one of them.
  std::optional<int> count_to_start(const DeviceOptions& device) const;
  RankDeadlines deadlines() const;
};

// "3:50:00", "30min"; anything but a positive time is a Usage error that names the option.
double parse_seconds(const std::string& option, const std::string& text);

// Starts the ranks that --ranks asks for and waits for them; or, as one rank of several, meets the others and
// calls `body` with them; or calls it with null, as the only one. device: gets this rank's GPU, or its share
// of the cores. Returns the exit code.
int run_on_ranks(const RankOptions& options, const Command& command, const Arguments& arguments,
                 const Config& config, DeviceOptions& device, const std::function<int(RankSession*)>& body);

}  // namespace cf::apps
