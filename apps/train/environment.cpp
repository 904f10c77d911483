#include "apps/train/environment.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/execution/device_name.h"
#include "apps/host/processor.h"
#include "apps/version.h"
#include "framework/state/atomic_file.h"

namespace cf::apps {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

void write_environment(const std::filesystem::path& path, const Executor& executor) {
  const nlohmann::json environment = {
      {"version", version()},
      {"build", build_id()},
      {"host", host_name()},
      {"processor", processor_name()},
      {"cores", std::thread::hardware_concurrency()},
      {"device", name_of(executor.pool().device())},
      {"device_name", device_name(executor)},
      {"threads", executor.threads()},
      {"process", getpid()},
      {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))}};
  write_atomically(path, environment.dump(2) + "\n", SyncPolicy::Cached);
}

}  // namespace cf::apps
