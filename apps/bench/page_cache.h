// What the system keeps of files in memory: for measurements that begin with a cold cache.
#pragma once

#include <cstdint>
#include <string>

namespace cf::apps {

struct CachedBytes {
  std::uint64_t cached = 0, total = 0;
};

// Of a file, or of all files below a folder. Anything else is a Usage error.
CachedBytes cached_bytes(const std::string& path);

// Makes the system forget them. It may keep some: cached_bytes() tells. What a disk, a hypervisor or another
// machine keeps of them is out of reach.
void drop_from_cache(const std::string& path);

}  // namespace cf::apps
