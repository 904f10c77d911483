#include "apps/doctor/host.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include "apps/console/format.h"
#include "apps/host/cores.h"
#include "apps/host/processor.h"
#include "apps/version.h"

namespace cf::apps {
namespace {

using Status = Finding::Status;

// The value of the first line "KEY : VALUE" of a /proc file.
std::string proc_value(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const auto value = line.find_first_not_of(" \t:", key.size());
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

std::int64_t memory_value(const std::string& key) {
  const std::string text = proc_value("/proc/meminfo", key);  // "16315412 kB"
  return text.empty() ? 0 : std::stoll(text) * 1024;
}

// The first number of a control-group file; 0 if there is no such file or no limit ("max").
std::int64_t control_group_value(const char* path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : 0;
}

bool processor_has(std::string_view architecture) {
  if (architecture == "x86-64-v2") return __builtin_cpu_supports("sse4.2") != 0;
  if (architecture == "x86-64-v3") {
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
           __builtin_cpu_supports("bmi2") != 0;
  }
  if (architecture == "x86-64-v4") {
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
           __builtin_cpu_supports("avx512vl") != 0;
  }
  return true;  // "native" and names of processors: built for this machine, or nothing is known
}

Finding judge_processor(const HostFacts& host) {
  Finding finding{"processor", Status::Good,
                  fmt::format("{}, {} core{}", host.processor, host.cores, host.cores == 1 ? "" : "s"), ""};
  if (!host.runs_build_architecture) {
    finding.status = Status::Fatal;
    finding.advice = fmt::format(
        "this build uses instructions of {} that the processor lacks; configure with "
        "-DCF_ARCHITECTURE=x86-64-v2 or native",
        build_architecture());
  } else if (host.core_quota > 0 && host.core_quota + 0.01 < host.cores) {
    finding.status = Status::Note;
    finding.value += fmt::format(", of which a quota allows {:.3g}", host.core_quota);
    finding.advice =
        "threads that wait for their share slow one another down; raise the quota, or bind the "
        "program to fewer cores (taskset)";
  }
  return finding;
}

Finding judge_amount(const char* subject, std::int64_t bytes, std::int64_t enough, const std::string& value,
                     const char* advice) {
  const bool good = bytes >= enough;
  return {subject, good ? Status::Good : Status::Problem, value, good ? "" : advice};
}

}  // namespace

HostFacts examine_host() {
  HostFacts host;
  host.processor = processor_name();
  host.cores = cores_of_affinity();
  host.core_quota = core_quota();
  host.runs_build_architecture = processor_has(build_architecture());
  host.memory_bytes = memory_value("MemTotal");
  host.free_memory_bytes = memory_value("MemAvailable");
  const auto limit = control_group_value("/sys/fs/cgroup/memory.max");
  if (limit > 0 && limit < host.memory_bytes) {
    host.memory_bytes = limit;
    const auto used = control_group_value("/sys/fs/cgroup/memory.current");
    host.free_memory_bytes = std::min(host.free_memory_bytes, std::max<std::int64_t>(0, limit - used));
  }
  struct statvfs disk {};
  if (statvfs(".", &disk) == 0) {
    host.free_disk_bytes =
        static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    constexpr rlim_t kMost = std::numeric_limits<std::int64_t>::max();
    host.open_files = static_cast<std::int64_t>(std::min(files.rlim_cur, kMost));
  }
  std::error_code status;
  host.has_fashion_mnist =
      std::filesystem::exists(std::string(kFashionMnistFolder) + "/train-images-idx3-ubyte.gz", status);
  return host;
}

std::vector<Finding> judge_host(const HostFacts& host) {
  constexpr std::int64_t kGiB = std::int64_t{1} << 30;
  std::vector<Finding> findings = {judge_processor(host)};
  findings.push_back(judge_amount(
      "memory", host.free_memory_bytes, kGiB,
      fmt::format("{} free of {}", format_bytes(static_cast<double>(host.free_memory_bytes)),
                  format_bytes(static_cast<double>(host.memory_bytes))),
      "below 1 GiB training may be killed; end other programs, or lower train.batch and norm_batch"));
  findings.push_back(judge_amount(
      "disk", host.free_disk_bytes, kGiB,
      fmt::format("{} free in this folder", format_bytes(static_cast<double>(host.free_disk_bytes))),
      "checkpoints may not fit; free space or give another --out"));
  constexpr std::int64_t kEnoughFiles = 1024;
  findings.push_back(judge_amount("open files", host.open_files, kEnoughFiles,
                                  fmt::format("at most {}", format_count(host.open_files)),
                                  "raise the limit: ulimit -n 4096"));
  findings.push_back(
      {"Fashion-MNIST", host.has_fashion_mnist ? Status::Good : Status::Note,
       host.has_fashion_mnist ? kFashionMnistFolder : "not installed",
       host.has_fashion_mnist ? "" : "only the demo needs it: apt-get install dataset-fashion-mnist"});
  return findings;
}

}  // namespace cf::apps
