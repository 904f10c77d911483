// The records of a data set that turned out to be unreadable.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace cf::data {

struct BadRecord {
  std::int64_t sample;
  std::string message;  // names the sample and says why
};

// Collects them from several threads, each once.
class CorruptRecords {
 public:
  // More than `limit` different records are a Data error.
  explicit CorruptRecords(std::int64_t limit) : limit_(limit) {}

  void add(std::int64_t sample, const std::string& message);
  // Those added since the last call, in no particular order.
  std::vector<BadRecord> take_new();

 private:
  std::int64_t limit_;
  std::mutex mutex_;
  std::set<std::int64_t> samples_;
  std::vector<BadRecord> new_;
};

// The next sample of the same class, behind the last one the first; the sample itself if it is the only one.
std::int64_t next_of_class(const Dataset& dataset, std::int64_t sample);

}  // namespace cf::data
