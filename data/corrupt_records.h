// The records of a data set that turned out to be unreadable.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "data/dataset.h"

namespace cf::data {

struct BadRecord {
  std::int64_t sample;
  std::string message;  // names the sample and says why
};

// Called once per record, on the thread that found it, one call at a time; `count` records were found so far.
using OnCorruptRecord = std::function<void(const BadRecord&, std::int64_t count)>;

// Counts them from several threads, each once.
class CorruptRecords {
 public:
  // More than `limit` different records are a Data error, then at every call: the thread that found one too
  // many may work on a later batch than the next to ask.
  CorruptRecords(std::int64_t limit, OnCorruptRecord report) : limit_(limit), report_(std::move(report)) {}

  void add(std::int64_t sample, const std::string& message);

 private:
  std::int64_t limit_;
  OnCorruptRecord report_;
  std::mutex mutex_;
  std::set<std::int64_t> samples_;
};

// The next sample of the same class, behind the last one the first; the sample itself if it is the only one.
std::int64_t next_of_class(const Dataset& dataset, std::int64_t sample);

}  // namespace cf::data
