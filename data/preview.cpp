#include "data/preview.h"

#include <png.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernels/base/check.h"

namespace cf::data {

void write_png(const std::string& path, const Image& image) {
  CF_CHECK(image.channels == 1 || image.channels == 3, "a PNG of ", image.channels, " channels");
  CF_CHECK(image.height > 0 && image.width > 0, "a PNG of ", image.height, "x", image.width, " pixels");
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  errno = 0;  // libpng's message of a failed write does not say why
  const int written = png_image_write_to_file(&png, path.c_str(), 0, image.pixels.data(), 0, nullptr);
  CF_CHECK_AS(ErrorKind::Data, written != 0, "cannot write ", path, ": ",
              errno != 0 ? std::strerror(errno) : static_cast<const char*>(png.message));
}

Image grid_of(const Batch& batch, int columns) {
  constexpr int kLine = 2;
  constexpr std::uint8_t kGrey = 96;
  const int count = static_cast<int>(batch.size());
  CF_CHECK(count > 0 && columns > 0, "a grid of ", count, " images in ", columns, " columns");
  columns = std::min(columns, count);
  const int rows = (count + columns - 1) / columns;
  Image grid;
  grid.reshape(rows * (batch.height + kLine) - kLine, columns * (batch.width + kLine) - kLine,
               batch.channels);
  std::fill(grid.pixels.begin(), grid.pixels.end(), kGrey);
  const std::ptrdiff_t row_bytes = std::ptrdiff_t{batch.width} * batch.channels;
  const std::uint8_t* source = batch.images.data();
  for (int i = 0; i < count; ++i) {
    const int top = i / columns * (batch.height + kLine), left = i % columns * (batch.width + kLine);
    for (int y = 0; y < batch.height; ++y, source += row_bytes) {
      std::memcpy(grid.row(top + y) + std::ptrdiff_t{left} * batch.channels, source,
                  static_cast<std::size_t>(row_bytes));
    }
  }
  return grid;
}

}  // namespace cf::data
