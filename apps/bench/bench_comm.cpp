#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/bench/bench_commands.h"
#include "apps/bench/comm_benchmark.h"
#include "apps/bench/device_limits.h"
#include "apps/bench/link_limit.h"
#include "apps/console/format.h"
#include "apps/execution/device_name.h"
#include "apps/launch/run_on_ranks.h"
#include "apps/version.h"

namespace cf::apps {

namespace {

constexpr int kMostMebibytes = 4096;

struct CommReport {
  std::string device, how;
  int ranks = 1;
  LinkLimit limit;
  std::vector<CommTiming> timings;
};

LinkLimit limit_of(const Executor& executor, const Communicator& ranks) {
  const Device device = executor.pool().device();
  const bool one_host = ranks.ranks_on_host() == ranks.world();
  if (device.kind != DeviceKind::Gpu || !one_host) return {};
  return nvlink_limit(gpu_properties(device.index).identity);
}

void print_text(const CommReport& report) {
  fmt::print("bench comm     all-reduce of float32 over {} ranks, {}\n", report.ranks, report.how);
  fmt::print("device         {}\n", report.device);
  const bool limited = report.limit.bytes_per_second > 0;
  if (limited) {
    fmt::print("link           {}: {:.0f} GB/s each way, as the driver states it\n", report.limit.links,
               1e-9 * report.limit.bytes_per_second);
  }
  fmt::print("{:>10} {:>12} {:>12} {:>12} {:>10} {:>10} {:>7}\n", "size", "median us", "p10", "p90", "GB/s",
             "link GB/s", "share");
  for (const CommTiming& timing : report.timings) {
    const double link = timing.link_bytes_per_second(report.ranks);
    fmt::print("{:>10} {:>12.1f} {:>12.1f} {:>12.1f} {:>10.2f} {:>10.2f} {:>7}\n",
               format_bytes(static_cast<double>(timing.bytes)), 1e6 * timing.seconds.median,
               1e6 * timing.seconds.p10, 1e6 * timing.seconds.p90, 1e-9 * timing.bytes_per_second(),
               1e-9 * link, limited ? format_percent(link / report.limit.bytes_per_second, 1) : "");
  }
}

void print_json(const CommReport& report) {
  nlohmann::ordered_json out = {{"bench", "comm"},
                                {"version", version()},
                                {"build", build_id()},
                                {"device", report.device},
                                {"how", report.how},
                                {"ranks", report.ranks},
                                {"sizes", nlohmann::ordered_json::array()}};
  if (report.limit.bytes_per_second > 0) {
    out["links"] = report.limit.links;
    out["limit_bytes_per_second"] = report.limit.bytes_per_second;
  }
  for (const CommTiming& timing : report.timings) {
    out["sizes"].push_back({{"bytes", timing.bytes},
                            {"seconds", as_json(timing.seconds)},
                            {"bytes_per_second", timing.bytes_per_second()},
                            {"link_bytes_per_second", timing.link_bytes_per_second(report.ranks)}});
  }
  fmt::print("{}\n", out.dump(2));
}

int bench_comm(RankSession* session, const DeviceOptions& device, int most_mebibytes, int samples,
               bool json) {
  CF_CHECK_AS(ErrorKind::Usage, session != nullptr,
              "bench comm needs several ranks: --ranks N, --ranks all, or a launcher");
  Communicator& ranks = session->communicator();
  const auto executor = make_executor(device, {});
  const CommReport report{
      .device = device_name(*executor),
      .how = executor->stream() == nullptr ? "Gloo over TCP" : "NCCL",
      .ranks = ranks.world(),
      .limit = limit_of(*executor, ranks),
      .timings = time_all_reduce(*executor, ranks, std::int64_t{most_mebibytes} << 20, samples)};
  if (ranks.rank() == 0) json ? print_json(report) : print_text(report);
  return 0;
}

}  // namespace

int run_bench_comm(const Command& command, const Arguments& arguments) {
  DeviceOptions device;
  RankOptions ranks;
  int most_mebibytes = 256, samples = 20;
  bool json = false;
  CommandLine line(command);
  line.option("max-size", &most_mebibytes, "MIB", "of a tensor; the smallest has 1 KiB");
  line.option("samples", &samples, "N", "measurements of each size");
  line.flag("json", &json, "print JSON");
  add_device_options(line, device);
  ranks.add_to(line);
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, most_mebibytes >= 1 && most_mebibytes <= kMostMebibytes, "--max-size is ",
              most_mebibytes, ", must be from 1 to ", kMostMebibytes);
  CF_CHECK_AS(ErrorKind::Usage, samples >= 1, "--samples is ", samples, ", must be at least 1");
  return run_on_ranks(ranks, command, arguments, {}, device, [&](RankSession* session) {
    return bench_comm(session, device, most_mebibytes, samples, json);
  });
}

}  // namespace cf::apps
