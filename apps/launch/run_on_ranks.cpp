#include "apps/launch/run_on_ranks.h"

#include <algorithm>

#include "apps/images/loader_options.h"
#include "apps/launch/local_ranks.h"

namespace cf::apps {

namespace {

constexpr double kGraceSeconds = 5;  // for local ranks to end when one has failed; they need half of it

}  // namespace

double parse_seconds(const std::string& option, const std::string& text) {
  const auto time = parse_duration(text);
  CF_CHECK_AS(ErrorKind::Usage, time && time->unit == Duration::Unit::Seconds && time->value > 0, option,
              " is '", text, "', must be a time such as 3:50:00 or 30min");
  return time->value;
}

void RankOptions::add_to(CommandLine& line) {
  line.option(
      "ranks", &count, "N|all",
      "start N processes on this host that work together, each on a GPU of its own; all: one per GPU");
  line.option("master", &master, "HOST:PORT", "where rank 0 is, if the launcher does not say");
  line.option("rank-timeout", &silence, "TIME",
              "end all ranks with exit code 6 when nothing is heard of one for so long");
  line.option("join-timeout", &join, "TIME", "how long to wait for all ranks to be there");
}

RankDeadlines RankOptions::deadlines() const {
  return {.silence_seconds = parse_seconds("--rank-timeout", silence),
          .join_seconds = parse_seconds("--join-timeout", join)};
}

std::optional<int> RankOptions::count_to_start(const DeviceOptions& device) const {
  if (count.empty()) return std::nullopt;
  const auto environment = rank_environment(process_environment(), master);
  if (environment && environment->is_local()) return std::nullopt;
  CF_CHECK_AS(ErrorKind::Usage, !environment, "--ranks starts ranks itself, but this process is one of ",
              environment->world, " that ", environment->launcher, " started");
  return parse_rank_count(count, gpu_index(device) ? count_gpus().count : 0);
}

int run_on_ranks(const RankOptions& options, const Command& command, const Arguments& arguments,
                 const Config& config, DeviceOptions& device, const std::function<int(RankSession*)>& body) {
  const RankDeadlines deadlines = options.deadlines();
  const auto count = options.count_to_start(device);
  if (count && *count > 1) return run_local_ranks(*count, command, arguments, kGraceSeconds);
  const auto environment = rank_environment(process_environment(), options.master);
  if (!environment) return body(nullptr);
  device.local_rank = environment->local_rank;
  RankSession session(*environment, config, device, deadlines);
  const int ranks_on_host = session.communicator().ranks_on_host();
  if (device.threads == 0) device.threads = std::max(1, all_cores() / ranks_on_host);
  return session.run([&] { return body(&session); });
}

}  // namespace cf::apps
