// A safetensors file of known answers: inputs and what an independent implementation computed from them, in
// float64, stored in float32.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "framework/state/safetensors_file.h"
#include "tests/test_files.h"

namespace cf {

class GoldenFile {
 public:
  // `name` without folder and extension.
  explicit GoldenFile(const std::string& name) : reader_(test_files() + "/golden/" + name + ".safetensors") {}

  std::vector<double> values(const std::string& key) const {
    const auto stored = read<float>(key, DType::Float32);
    return {stored.begin(), stored.end()};
  }
  std::vector<std::int64_t> integers(const std::string& key) const {
    return read<std::int64_t>(key, DType::Int64);
  }

 private:
  template <class T>
  std::vector<T> read(const std::string& key, DType dtype) const {
    const TensorEntry* entry = reader_.find(key);
    CF_CHECK(entry != nullptr && entry->dtype == dtype, reader_.path().native(), ": no ", key, " of ",
             name_of(dtype));
    std::vector<T> values(static_cast<std::size_t>(element_count(*entry)));
    reader_.read(key, std::as_writable_bytes(std::span(values)));
    return values;
  }

  SafetensorsReader reader_;
};

// Norm of the difference over norm of the truth.
template <class T>
double relative_error(const std::vector<T>& values, const std::vector<double>& truth) {
  CF_CHECK(values.size() == truth.size(), values.size(), " values beside ", truth.size());
  double difference = 0, scale = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    difference += std::pow(static_cast<double>(values[i]) - truth[i], 2);
    scale += truth[i] * truth[i];
  }
  return std::sqrt(difference / scale);
}

}  // namespace cf
