#include "apps/host/resident_memory.h"

#include <unistd.h>

#include <fstream>

#include "kernels/base/check.h"

namespace cf::apps {

std::int64_t resident_memory() {
  std::ifstream file("/proc/self/statm");  // pages: of the address space, resident, ...
  std::int64_t all = 0, resident = 0;
  CF_CHECK(file >> all >> resident, "cannot read /proc/self/statm");
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace cf::apps
