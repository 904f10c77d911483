#include "apps/launch/rank_session.h"

#include <cstdio>
#include <cstdlib>

#include "apps/version.h"

namespace cf::apps {

namespace {

RendezvousOptions::Duration milliseconds(double seconds) {
  return RendezvousOptions::Duration(static_cast<std::int64_t>(1000 * seconds));
}

// One call, so that lines of several ranks do not mix.
void say(int rank, const std::string& what) {
  std::fputs(concat("rank ", rank, ": ", what, "\n").c_str(), stderr);
}

RendezvousOptions rendezvous_options(const RankEnvironment& environment, const Config& config,
                                     std::optional<int> gpu, const RankDeadlines& deadlines) {
  RendezvousOptions options;
  options.rank = environment.rank;
  options.world = environment.world;
  options.host = environment.host;
  options.port = environment.port;
  options.listening_socket = environment.listening_socket;
  options.build = build_id();
  if (gpu) options.device = gpu_properties(*gpu).identity;
  options.configuration = to_toml(config);
  options.join_timeout = milliseconds(deadlines.join_seconds);
  options.silence_timeout = milliseconds(deadlines.silence_seconds);
  options.beat_every = std::min(options.beat_every, options.silence_timeout / 10);
  options.say = [rank = environment.rank](const std::string& what) { say(rank, what); };
  options.on_stuck = [rank = environment.rank](const Error& error) {
    say(rank, concat("error: ", error.what()));
    std::_Exit(static_cast<int>(error.kind()));
  };
  return options;
}

}  // namespace

RankSession::RankSession(const RankEnvironment& environment, const Config& config,
                         const DeviceOptions& device, const RankDeadlines& deadlines)
    : RankSession(environment, config, gpu_index(device), deadlines) {}

RankSession::RankSession(const RankEnvironment& environment, const Config& config, std::optional<int> gpu,
                         const RankDeadlines& deadlines)
    : rendezvous_(rendezvous_options(environment, config, gpu, deadlines)),
      communicator_(gpu ? make_nccl_communicator(rendezvous_, *gpu) : make_gloo_communicator(rendezvous_)) {}

}  // namespace cf::apps
