// JPEG through libjpeg(-turbo).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/decode.h"
#include "data/image.h"

namespace cf::data {

class JpegReader {
 public:
  JpegReader();
  ~JpegReader();

  // Reads as far as the header. `bytes` must live until the next call of open().
  ImageHeader open(const std::vector<std::uint8_t>& bytes);

  // After open(): decodes `box` (whole pixels of the image at 1/scale; scale 1, 2, 4 or 8) as stored: 1
  // channel, RGB, or CMYK in 4 channels, inverted as Adobe does. Equals that part of a decode of the whole
  // image.
  void decode(int scale, const PixelBox& box, Image& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Size of an image at 1/scale as libjpeg rounds it.
ImageSize scaled_size(ImageSize full, int scale);

}  // namespace cf::data
