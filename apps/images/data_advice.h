// What would make images come faster, in words.
#pragma once

#include <string>

#include "data/stage_seconds.h"

namespace cf::apps {

// Names the stage that takes the most time of the threads, its share, and what shortens it. Empty where no
// time was measured.
std::string data_advice(const data::StageSeconds& seconds);

}  // namespace cf::apps
