// A data set whose pixels lie uncompressed in memory: what IDX and CIFAR files are read into.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace cf::data {

struct RawSamples {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  // NHWC
  std::vector<std::int32_t> labels;
  std::vector<std::string> class_names;
  // Samples of file f are those from files[f].first_sample up to that of the next.
  struct File {
    std::string path;
    std::int64_t first_sample;
  };
  std::vector<File> files;  // of the labels; ascending, the first begins with 0

  // FILE#17
  std::string name(std::int64_t sample) const;
  // Throws a Data error naming file and sample for a label that is no class.
  void check_labels() const;
};

std::unique_ptr<Dataset> make_raw_dataset(RawSamples samples, int channels);

}  // namespace cf::data
