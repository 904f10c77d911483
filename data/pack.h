// Importing a data set into one pack file, and checking a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/corrupt_records.h"
#include "data/dataset.h"

namespace cf::data {

struct Progress {
  std::int64_t done, total;  // records
  std::int64_t bytes;        // written, or read when verifying
};
using OnProgress =
    std::function<void(const Progress&)>;  // called on the caller's thread, about every 1,000 records

struct PackOptions {
  // Images whose shorter side is longer are resized to it (bicubic, antialiased) and stored as JPEG of
  // `quality`; the others, and all with 0, are stored as they are.
  int shorter_side = 0;
  int quality = 92;
  int threads = 1;
  bool skip_bad = false;  // leave out records that cannot be read, and report them; else they throw
  std::string source;     // for people; a sample's name is stored without it in front
  OnProgress on_progress;
};

struct PackResult {
  std::int64_t records = 0, bytes = 0, resized = 0;
  std::vector<BadRecord> skipped;
};

// Writes `path` from a data set. ImageNet's classes get their readable names beside their ids. The bytes do
// not depend on the number of threads. Images stored as they are have their header checked, not their pixels
// (that is verify()).
PackResult pack(const Dataset& dataset, const std::string& path, const PackOptions& options);

// Reads and decodes every record; gives the bad ones in order. Only errors of kind Data count as such.
std::vector<BadRecord> verify(const Dataset& dataset, int threads, const OnProgress& on_progress = {});

}  // namespace cf::data
