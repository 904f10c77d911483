// What is known of the ranks of a run, and whether they fit together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/parallel/message.h"

namespace cf {

// One rank as it presents itself.
struct RankIdentity {
  int rank = 0, world = 1;
  std::string host;
  std::int64_t process = 0;
  std::string device;         // a GPU, which no two ranks may share; empty on a CPU, and then on all ranks
  std::string build;          // must be equal on all ranks
  std::string configuration;  // must be equal on all ranks; lines
  std::string address;        // under which the other ranks reach its host
};

// "rank 2 (host node7, process 4711)".
std::string name_of(const RankIdentity& rank);

// "rank 3", "ranks 1, 5 and 7"; of many the first few.
std::string list_of(std::span<const int> ranks);

Message to_hello(const RankIdentity& rank);
// Null for a message that is no greeting of this version.
std::optional<RankIdentity> from_hello(const Message& message);

// Says which rank has another build or configuration than most, which two are on different kinds of devices,
// or which two use one GPU; null if all fit.
std::optional<std::string> disagreement(const std::vector<RankIdentity>& ranks);

// "4 ranks on 2 hosts: 0-1 on node7, 2-3 on node8".
std::string layout_of(const std::vector<RankIdentity>& ranks);

}  // namespace cf
