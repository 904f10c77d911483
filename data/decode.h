// Encoded image to pixels.
//
// The pixels equal those of Pillow on the same libjpeg: accurate DCT, smooth chroma upsampling, grey from
// colour by Pillow's integer formula, CMYK as Adobe stores it (inverted). PNG: palettes and low depths are
// expanded, alpha is dropped (not blended), 16 bits keep the upper byte. Orientation tags are ignored here
// (orientation.h). A JPEG that lacks only its end marker or carries extra bytes is read; missing or
// corrupt image data is a Data error. WebP, BMP and TIFF: formats/imgcodecs.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "data/dataset.h"
#include "data/image.h"

namespace cf::data {

// What the file itself says.
struct ImageHeader {
  int height = 0, width = 0;
  int channels = 0;  // stored components: 1 grey, 2 grey + alpha, 3 colour (or palette), 4 CMYK or + alpha
  std::string_view colours;  // "grey", "RGB", "YCbCr", "CMYK", "YCCK", "palette", "grey+alpha", "RGBA"
  bool progressive = false;  // JPEG
};

struct DecodeRequest {
  int channels = 3;              // 1 or 3, converted where stored otherwise; 0: 1 for grey, else 3
  std::optional<PixelBox> crop;  // in pixels of the full image; nothing: all of it
  // A JPEG may be decoded at 1/2, 1/4 or 1/8 scale as long as the crop stays at least so big; 0: full scale.
  ImageSize at_least;
};

struct DecodedImage {
  Image image;    // the pixels of the crop and no more; whole pixels, at 1/scale
  Box box;        // where the crop lies in image, in its pixels: all of it at scale 1
  int scale = 1;  // 1, 2, 4, 8
};

// One per thread: keeps its memory from image to image.
class Decoder {
 public:
  // Bigger images than `max_pixels` are refused before memory is taken for them.
  explicit Decoder(std::int64_t max_pixels = 100'000'000);
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  ImageHeader header(const EncodedImage& encoded);
  // Throws a Data error; the caller adds the sample's name. A crop outside the image is an Internal error.
  void decode(const EncodedImage& encoded, const DecodeRequest& request, DecodedImage& out);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace cf::data
