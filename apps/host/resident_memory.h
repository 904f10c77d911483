// How much memory this process takes.
#pragma once

#include <cstdint>

namespace cf::apps {

// Bytes of physical memory that the process has now, shared libraries included.
std::int64_t resident_memory();

}  // namespace cf::apps
