// How long the ranks of a run take to sum a tensor of theirs.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/bench/spread.h"
#include "framework/parallel/communicator.h"
#include "framework/runtime/executor.h"

namespace cf::apps {

struct CommTiming {
  std::int64_t bytes = 0;
  Spread seconds;  // of one all-reduce of so many bytes of float32

  double bytes_per_second() const { return static_cast<double>(bytes) / seconds.median; }
  // What goes through each rank's link, each way, in a sum that moves no more than it must: 2 (N-1) / N of
  // the bytes. Of any number of ranks it may be held against the link's rate.
  double link_bytes_per_second(int ranks) const { return bytes_per_second() * 2 * (ranks - 1) / ranks; }
};

// 1 KiB, 4 KiB, ... up to most_bytes. All ranks call it alike. On a GPU the sums are replayed from a graph.
std::vector<CommTiming> time_all_reduce(Executor& executor, Communicator& ranks, std::int64_t most_bytes,
                                        int samples);

}  // namespace cf::apps
