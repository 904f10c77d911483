// RUN/env.json: on what a run ran.
#pragma once

#include <filesystem>

#include "framework/runtime/executor.h"

namespace cf::apps {

// Host, processor, threads, build, process, time of the start.
void write_environment(const std::filesystem::path& path, const Executor& executor);

}  // namespace cf::apps
