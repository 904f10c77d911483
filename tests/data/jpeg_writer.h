// JPEG files of every kind, written for the tests.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"

namespace cf::data {

struct JpegKind {
  int horizontal = 2, vertical = 2;  // sampling of luma (and K); chroma has 1 x 1
  bool progressive = false;
  bool arithmetic = false;
  bool ycck = false;  // of 4 channels: YCCK rather than CMYK
  int restart_rows = 0;
  int quality = 90;
};

// 1 channel: grey; 3: YCbCr; 4: CMYK or YCCK, the bytes stored as they are.
std::vector<std::uint8_t> encode_jpeg(const Image& image, const JpegKind& kind);

// A picture with edges, gradients and noise.
Image test_picture(int height, int width, int channels, std::uint64_t seed);

}  // namespace cf::data
