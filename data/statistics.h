// What a data set holds: for `data info`.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "data/image.h"

namespace cf::data {

struct DatasetStatistics {
  std::int64_t images = 0;                            // looked at
  std::vector<std::int64_t> per_class;                // of all samples, looked at or not
  std::map<std::string, std::int64_t> encodings;      // "raw", "JPEG", "progressive JPEG", "PNG"
  std::map<std::string, std::int64_t> colours;        // as ImageHeader::colours
  std::map<std::pair<int, int>, std::int64_t> sizes;  // (height, width)
  std::int64_t bytes = 0;                             // as stored
  // Of the pixels, divided by 255, as `channels` of the data set; all images and pixels weigh alike.
  bool has_moments = false;
  std::array<double, 3> mean{}, deviation{};
};

struct StatisticsOptions {
  int threads = 1;
  std::int64_t limit = 0;  // look at so many images, spread evenly; 0: at all
  bool moments = false;    // decode for mean and deviation; else only headers are read
};

// The result does not depend on the number of threads. A sample that cannot be read throws with its name.
DatasetStatistics measure(const Dataset& dataset, const StatisticsOptions& options);

// Images per power of two of their shorter side: {32, 5} says 5 images with 32 <= side < 64.
std::map<int, std::int64_t> histogram_of_sides(const DatasetStatistics& statistics);

}  // namespace cf::data
