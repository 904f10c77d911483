// The pictures in tests/files/data.
#pragma once

#include <string>

#include "data/files.h"

namespace cf::data {

inline EncodedImage load(const std::string& name) {
  EncodedImage encoded;
  read_image_file(CF_TEST_FILES "/data/" + name, encoded);
  return encoded;
}

}  // namespace cf::data
