#include "data/prepare.h"

#include <algorithm>
#include <cstring>

namespace cf::data {
namespace {

void copy_pixels(const Image& image, bool flip, std::uint8_t* out) {
  if (!flip) {
    std::copy(image.pixels.begin(), image.pixels.end(), out);
    return;
  }
  const int channels = image.channels;
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* pixel = image.row(y) + static_cast<std::ptrdiff_t>(image.width) * channels;
    for (int x = 0; x < image.width; ++x) {
      pixel -= channels;
      for (int c = 0; c < channels; ++c) *out++ = pixel[c];
    }
  }
}

// The box of the image, black where it reaches over the edges.
void cut_padded(const Image& image, const PixelBox& box, Image& out) {
  out.reshape(box.height, box.width, image.channels);
  std::fill(out.pixels.begin(), out.pixels.end(), std::uint8_t{0});
  const int first_row = std::max(0, box.top), end_row = std::min(image.height, box.top + box.height);
  const int first = std::max(0, box.left), end = std::min(image.width, box.left + box.width);
  if (first >= end) return;
  const auto bytes = static_cast<std::size_t>(end - first) * static_cast<std::size_t>(image.channels);
  for (int y = first_row; y < end_row; ++y) {
    std::memcpy(out.row(y - box.top) + static_cast<std::ptrdiff_t>(first - box.left) * image.channels,
                image.row(y) + static_cast<std::ptrdiff_t>(first) * image.channels, bytes);
  }
}

}  // namespace

void Preparer::for_evaluation(const EncodedImage& encoded, const EvaluationGeometry& geometry,
                              std::uint8_t* out) {
  decoder_.decode(encoded, {.channels = geometry.channels}, decoded_);
  const Image& image = decoded_.image;
  const ImageSize target = geometry.target;
  if (geometry.fit == Fit::Pad && image.height <= target.height && image.width <= target.width) {
    const PixelBox box{(image.height - target.height) / 2, (image.width - target.width) / 2, target.height,
                       target.width};
    cut_padded(image, box, resized_);
  } else {
    const CentreCrop crop = centre_crop({image.height, image.width}, target, geometry.crop);
    resizer_.resize(image, decoded_.box, crop.resized, crop.window, geometry.filter, resized_);
  }
  copy_pixels(resized_, false, out);
}

void Preparer::for_training(const EncodedImage& encoded, const AugmentOptions& options, std::uint64_t seed,
                            std::int64_t epoch, std::int64_t sample, ImageSize target, int channels,
                            std::uint8_t* out) {
  const ImageHeader header = decoder_.header(encoded);
  const AugmentDraw draw =
      draw_augmentation(options, seed, epoch, sample, {header.height, header.width}, target);
  DecodeRequest request{.channels = channels};
  if (options.pad > 0) {
    decoder_.decode(encoded, request, decoded_);
    cut_padded(decoded_.image, draw.crop, resized_);
  } else {
    request.crop = draw.crop;
    request.at_least = target;
    decoder_.decode(encoded, request, decoded_);
    const PixelBox all{0, 0, target.height, target.width};
    resizer_.resize(decoded_.image, decoded_.box, target, all, options.filter, resized_);
  }
  copy_pixels(resized_, draw.flip, out);
}

}  // namespace cf::data
