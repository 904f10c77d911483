// Pixels in memory, and rectangles of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cf::data {

// Interleaved 8-bit pixels, rows from the top: HWC without padding.
struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;

  // Takes a shape; the contents are undefined. Keeps the memory it has.
  void reshape(int h, int w, int c) {
    height = h;
    width = w;
    channels = c;
    pixels.resize(static_cast<std::size_t>(h) * static_cast<std::size_t>(w) * static_cast<std::size_t>(c));
  }
  std::uint8_t* row(int y) { return pixels.data() + offset_of_row(y); }
  const std::uint8_t* row(int y) const { return pixels.data() + offset_of_row(y); }

 private:
  std::size_t offset_of_row(int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  }
};

struct ImageSize {
  int height = 0, width = 0;
  bool operator==(const ImageSize&) const = default;
};

// Whole pixels: rows [top, top + height), columns [left, left + width).
struct PixelBox {
  int top = 0, left = 0, height = 0, width = 0;
  bool operator==(const PixelBox&) const = default;
};

// Edges in pixels, as Pillow's resize takes them.
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
};

}  // namespace cf::data
