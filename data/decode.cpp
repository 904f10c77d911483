#include "data/decode.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "data/convert.h"
#include "data/formats/imgcodecs.h"
#include "data/formats/jpeg.h"
#include "data/formats/png.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

// The smallest scale that leaves the crop at least so big.
int choose_scale(const PixelBox& crop, ImageSize at_least) {
  if (at_least.height <= 0 || at_least.width <= 0) return 1;
  for (const int scale : {8, 4, 2}) {
    if (crop.height >= at_least.height * scale && crop.width >= at_least.width * scale) return scale;
  }
  return 1;
}

void copy_box(const Image& source, const PixelBox& box, Image& out) {
  CF_CHECK(box.top >= 0 && box.left >= 0 && box.top + box.height <= source.height &&
               box.left + box.width <= source.width,
           "crop outside the image");
  out.reshape(box.height, box.width, source.channels);
  const std::size_t bytes = static_cast<std::size_t>(box.width) * static_cast<std::size_t>(source.channels);
  const std::size_t first = static_cast<std::size_t>(box.left) * static_cast<std::size_t>(source.channels);
  for (int y = 0; y < box.height; ++y) std::memcpy(out.row(y), source.row(box.top + y) + first, bytes);
}

int channels_for(int wanted, int stored) { return wanted != 0 ? wanted : (stored == 1 ? 1 : 3); }

}  // namespace

struct Decoder::Parts {
  std::int64_t max_pixels;
  JpegReader jpeg;
  PngReader png;
  Image whole, cropped;  // between the steps

  ImageHeader open(const EncodedImage& encoded);
  void decode_jpeg(const ImageHeader& header, const DecodeRequest& request, DecodedImage& out);
  void finish(Image& decoded, const DecodeRequest& request, Image& out);
};

Decoder::Decoder(std::int64_t max_pixels) : parts_(new Parts{.max_pixels = max_pixels}) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

ImageHeader Decoder::Parts::open(const EncodedImage& encoded) {
  ImageHeader header;
  switch (encoded.encoding) {
    case ImageEncoding::Jpeg:
      header = jpeg.open(encoded.bytes);
      break;
    case ImageEncoding::Png:
      header = png.open(encoded.bytes);
      break;
    case ImageEncoding::WebP:
    case ImageEncoding::Bmp:
    case ImageEncoding::Tiff:
      header = imgcodecs_header(encoded.encoding, encoded.bytes);
      break;
    case ImageEncoding::Raw:
      header = {.height = encoded.height,
                .width = encoded.width,
                .channels = encoded.channels,
                .colours = encoded.channels == 1 ? "grey" : "RGB"};
      break;
  }
  const std::int64_t pixels = std::int64_t{header.height} * header.width;
  CF_CHECK_AS(ErrorKind::Data, header.height > 0 && header.width > 0, "an image of ", header.height, "x",
              header.width, " pixels");
  CF_CHECK_AS(ErrorKind::Data, pixels <= max_pixels, "the image declares ", header.height, "x", header.width,
              " pixels, more than the limit of ", max_pixels);
  return header;
}

ImageHeader Decoder::header(const EncodedImage& encoded) { return parts_->open(encoded); }

void Decoder::Parts::decode_jpeg(const ImageHeader& header, const DecodeRequest& request, DecodedImage& out) {
  const PixelBox crop = request.crop.value_or(PixelBox{0, 0, header.height, header.width});
  const int scale = choose_scale(crop, request.at_least);
  const ImageSize size = scaled_size({header.height, header.width}, scale);
  PixelBox box{.top = crop.top / scale, .left = crop.left / scale};
  box.height = std::min(size.height, (crop.top + crop.height + scale - 1) / scale) - box.top;
  box.width = std::min(size.width, (crop.left + crop.width + scale - 1) / scale) - box.left;
  const int channels = channels_for(request.channels, header.channels);
  if (header.channels == channels) {
    jpeg.decode(scale, box, out.image);
  } else {
    jpeg.decode(scale, box, whole);
    convert_channels(whole, channels, out.image);
  }
  const auto in_box = [scale](int edge, int origin, int extent) {
    return std::clamp(static_cast<float>(edge) / static_cast<float>(scale) - static_cast<float>(origin), 0.0f,
                      static_cast<float>(extent));
  };
  out.scale = scale;
  out.box = {.left = in_box(crop.left, box.left, box.width),
             .top = in_box(crop.top, box.top, box.height),
             .right = in_box(crop.left + crop.width, box.left, box.width),
             .bottom = in_box(crop.top + crop.height, box.top, box.height)};
}

// Crop and channels of a whole decoded image.
void Decoder::Parts::finish(Image& decoded, const DecodeRequest& request, Image& out) {
  const int channels = channels_for(request.channels, decoded.channels);
  const bool whole_image = !request.crop || *request.crop == PixelBox{0, 0, decoded.height, decoded.width};
  if (whole_image && channels == decoded.channels) {
    std::swap(decoded, out);
  } else if (whole_image) {
    convert_channels(decoded, channels, out);
  } else if (channels == decoded.channels) {
    copy_box(decoded, *request.crop, out);
  } else {
    copy_box(decoded, *request.crop, cropped);
    convert_channels(cropped, channels, out);
  }
}

void Decoder::decode(const EncodedImage& encoded, const DecodeRequest& request, DecodedImage& out) {
  CF_CHECK(request.channels == 0 || request.channels == 1 || request.channels == 3, "decode to ",
           request.channels, " channels");
  Parts& parts = *parts_;
  const ImageHeader header = parts.open(encoded);
  if (encoded.encoding == ImageEncoding::Jpeg) {
    parts.decode_jpeg(header, request, out);
    return;
  }
  if (encoded.encoding == ImageEncoding::Png) {
    parts.png.decode(parts.whole);
  } else if (encoded.encoding != ImageEncoding::Raw) {
    imgcodecs_decode(encoded.encoding, encoded.bytes, parts.whole);
  } else {
    parts.whole.reshape(header.height, header.width, header.channels);
    CF_CHECK_AS(ErrorKind::Data, encoded.bytes.size() == parts.whole.pixels.size(), encoded.bytes.size(),
                " bytes for a raw image of ", parts.whole.pixels.size());
    std::copy(encoded.bytes.begin(), encoded.bytes.end(), parts.whole.pixels.begin());
  }
  parts.finish(parts.whole, request, out.image);
  out.scale = 1;
  out.box = {0, 0, static_cast<float>(out.image.width), static_cast<float>(out.image.height)};
}

}  // namespace cf::data
