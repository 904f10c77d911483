#pragma once

#include <string>

namespace cf::apps {

// "AMD EPYC 9R14 96-Core Processor", or "unknown processor".
std::string processor_name();

}  // namespace cf::apps
