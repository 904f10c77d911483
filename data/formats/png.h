// PNG through libpng.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/decode.h"
#include "data/image.h"

namespace cf::data {

class PngReader {
 public:
  PngReader();
  ~PngReader();

  // Reads as far as the pixels. `bytes` must live until decode() has returned.
  ImageHeader open(const std::vector<std::uint8_t>& bytes);
  // After open(): all pixels, 1 channel for grey images, else RGB; 8 bits, alpha dropped.
  void decode(Image& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cf::data
