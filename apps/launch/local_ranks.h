// `--ranks N`: this program N times on this host, as ranks 0 to N-1 of one run.
#pragma once

#include "apps/command.h"

namespace cf::apps {

// The number of ranks that --ranks asks for: "all" is one for each of `gpus`. Anything but that and a
// positive number, "all" without GPUs, and more ranks than there are GPUs to compute on, are Usage errors.
int parse_rank_count(const std::string& text, int gpus);

// Starts `ranks` processes of this program with the same command and arguments, which find themselves in
// rank_environment(), and waits for all. Signals that stop a run (SIGINT, SIGTERM, SIGUSR1, SIGHUP) are
// passed on. The ranks die with this process, however it ends, and once one has failed the others are killed
// if they have not ended by themselves `grace_seconds` later.
//
// Returns the exit code of the run: the first of a rank that said what failed, else Communication where a
// signal ended one.
int run_local_ranks(int ranks, const Command& command, const Arguments& arguments, double grace_seconds);

}  // namespace cf::apps
