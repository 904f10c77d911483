#include "data/formats/image_size.h"

#include <cstdlib>
#include <limits>
#include <string_view>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

// Unsigned numbers at offsets; a Data error behind the end.
class HeaderBytes {
 public:
  HeaderBytes(const std::vector<std::uint8_t>& bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  std::uint32_t number(std::size_t at, std::size_t bytes) const {
    require(at, bytes);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | bytes_[at + (big_endian_ ? i : bytes - 1 - i)];
    }
    return value;
  }
  std::string_view text(std::size_t at, std::size_t bytes) const {
    require(at, bytes);
    return {reinterpret_cast<const char*>(bytes_.data()) + at, bytes};
  }

 private:
  void require(std::size_t at, std::size_t bytes) const {
    CF_CHECK_AS(ErrorKind::Data, at <= bytes_.size() && bytes <= bytes_.size() - at,
                "the image's header is cut off behind ", bytes_.size(), " bytes");
  }

  const std::vector<std::uint8_t>& bytes_;
  bool big_endian_;
};

ImageSize size_of(std::uint32_t height, std::uint32_t width) {
  constexpr std::uint32_t kMost = std::numeric_limits<int>::max();
  CF_CHECK_AS(ErrorKind::Data, height <= kMost && width <= kMost, "the image declares ", height, "x", width,
              " pixels");
  return {static_cast<int>(height), static_cast<int>(width)};
}

// RFC 9649: RIFF, and in its first chunk a lossy key frame, a lossless image or the canvas of both.
ImageSize webp_size(const std::vector<std::uint8_t>& bytes) {
  const HeaderBytes header(bytes, false);
  constexpr std::size_t kChunk = 12, kPayload = 20;
  const std::string_view chunk = header.text(kChunk, 4);
  if (chunk == "VP8 ") {
    return size_of(header.number(kPayload + 8, 2) & 0x3fff, header.number(kPayload + 6, 2) & 0x3fff);
  }
  if (chunk == "VP8L") {
    const std::uint32_t packed = header.number(kPayload + 1, 4);
    return size_of((packed >> 14 & 0x3fff) + 1, (packed & 0x3fff) + 1);
  }
  CF_CHECK_AS(ErrorKind::Data, chunk == "VP8X", "the WebP image begins with no image");
  return size_of(header.number(kPayload + 7, 3) + 1, header.number(kPayload + 4, 3) + 1);
}

// A negative height says that rows go downwards.
ImageSize bmp_size(const std::vector<std::uint8_t>& bytes) {
  const HeaderBytes header(bytes, false);
  constexpr std::uint32_t kOs2Header = 12;
  if (header.number(14, 4) == kOs2Header) return size_of(header.number(20, 2), header.number(18, 2));
  const auto height = static_cast<std::int32_t>(header.number(22, 4));
  CF_CHECK_AS(ErrorKind::Data, height != std::numeric_limits<std::int32_t>::min(),
              "the BMP image has no height");
  return size_of(static_cast<std::uint32_t>(std::abs(height)), header.number(18, 4));
}

// TIFF 6.0: the first directory's tags ImageWidth and ImageLength.
ImageSize tiff_size(const std::vector<std::uint8_t>& bytes) {
  constexpr std::uint32_t kWidth = 256, kLength = 257, kShort = 3;
  const HeaderBytes header(bytes, !bytes.empty() && bytes.front() == 'M');
  const std::size_t directory = header.number(4, 4);
  std::uint32_t width = 0, height = 0;
  for (std::uint32_t i = 0, entries = header.number(directory, 2); i < entries; ++i) {
    const std::size_t at = directory + 2 + std::size_t{12} * i;
    const std::uint32_t tag = header.number(at, 2);
    if (tag != kWidth && tag != kLength) continue;
    const std::uint32_t value = header.number(at + 8, header.number(at + 2, 2) == kShort ? 2 : 4);
    (tag == kWidth ? width : height) = value;
  }
  return size_of(height, width);
}

}  // namespace

ImageSize size_in_header(ImageEncoding encoding, const std::vector<std::uint8_t>& bytes) {
  switch (encoding) {
    case ImageEncoding::WebP:
      return webp_size(bytes);
    case ImageEncoding::Bmp:
      return bmp_size(bytes);
    case ImageEncoding::Tiff:
      return tiff_size(bytes);
    default:
      fail(ErrorKind::Internal, "no header of this encoding is read here");
  }
}

}  // namespace cf::data
