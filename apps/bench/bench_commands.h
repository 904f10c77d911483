// `convfirst bench block|infer|train|comm|data`: how fast kernels, networks, links between ranks and the data
// pipeline are, and what the device would allow.
#pragma once

#include "apps/command.h"

namespace cf::apps {

int run_bench_block(const Command& command, const Arguments& arguments);
int run_bench_infer(const Command& command, const Arguments& arguments);
int run_bench_train(const Command& command, const Arguments& arguments);
int run_bench_comm(const Command& command, const Arguments& arguments);
int run_bench_data(const Command& command, const Arguments& arguments);

}  // namespace cf::apps
