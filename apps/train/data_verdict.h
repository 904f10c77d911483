// Whether an epoch was held up by its data, in words.
#pragma once

#include <cstdint>
#include <string>

#include "data/stage_seconds.h"

namespace cf::apps {

// Empty where less than a tenth of the `seconds` of epoch `epoch` (from 1) was spent waiting for images.
// `stages`: where the loader's threads have spent their time.
std::string data_verdict(std::int64_t epoch, double waited_seconds, double seconds, int threads,
                         const data::StageSeconds& stages);

}  // namespace cf::apps
