// RUN/metrics.jsonl: append-safe. Every row is written whole and flushed; a last line torn by a crash is
// dropped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/run_folder/metrics.h"
#include "framework/state/file_descriptor.h"

namespace cf::apps {

class MetricsLog {
 public:
  // Opens for appending; makes the file if there is none and cuts off a torn last line.
  explicit MetricsLog(std::string path);

  // Throws a Data error where the file cannot be written (disk full); the file then ends in its last whole
  // row.
  void append(const MetricsRow& row);

  // Drops all rows with a step past `step`: the point from which the run goes on.
  void cut_after(std::int64_t step);

 private:
  void cut_to(std::int64_t bytes);

  std::string path_;
  FileDescriptor file_;
  std::int64_t size_ = 0;  // of whole rows
};

// All whole rows, in the order written; a missing file has none.
std::vector<MetricsRow> read_metrics(const std::string& path);

}  // namespace cf::apps
