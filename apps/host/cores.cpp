#include "apps/host/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

namespace cf::apps {

int cores_of_affinity() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

double core_quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");  // "200000 100000": microseconds of each period
  double quota = 0, period = 0;
  return file >> quota >> period && period > 0 ? quota / period : 0;
}

int usable_cores() {
  const double quota = core_quota();
  const int cores = cores_of_affinity();
  return std::max(1, quota > 0 ? std::min(cores, static_cast<int>(std::ceil(quota))) : cores);
}

}  // namespace cf::apps
