#include "data/prepare.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "data/formats/exif.h"
#include "data/orientation.h"

namespace cf::data {
namespace {

// From right to left.
void mirror(const Image& image, Image& out) {
  out.reshape(image.height, image.width, image.channels);
  const auto channels = static_cast<std::size_t>(image.channels);
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* pixel = image.row(y);
    std::uint8_t* to = out.row(y) + static_cast<std::size_t>(image.width) * channels;
    for (int x = 0; x < image.width; ++x, pixel += channels) std::memcpy(to -= channels, pixel, channels);
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

// 1 unless it shall be looked at.
int orientation_of(const EncodedImage& encoded, bool upright) {
  return upright && encoded.encoding == ImageEncoding::Jpeg ? exif_orientation(encoded.bytes) : 1;
}

}  // namespace

void Preparer::turn_decoded(int orientation) {
  if (orientation == 1) return;
  const ImageSize stored{decoded_.image.height, decoded_.image.width};
  turn_upright(decoded_.image, orientation, turned_);
  std::swap(decoded_.image, turned_);
  decoded_.box = upright_box(decoded_.box, stored, orientation);
}

void Preparer::for_evaluation(const EncodedImage& encoded, const EvaluationGeometry& geometry,
                              std::uint8_t* out) {
  StageClock clock;
  decoder_.decode(encoded, {.channels = geometry.channels}, decoded_);
  turn_decoded(orientation_of(encoded, geometry.upright));
  clock.end_of(seconds_.decode);
  const Image& image = decoded_.image;
  const ImageSize target = geometry.target;
  if (geometry.fit == Fit::Pad && image.height <= target.height && image.width <= target.width) {
    const PixelBox box{(image.height - target.height) / 2, (image.width - target.width) / 2, target.height,
                       target.width};
    cut_padded(image, box, resized_);
    std::copy(resized_.pixels.begin(), resized_.pixels.end(), out);
  } else {
    const CentreCrop crop = centre_crop({image.height, image.width}, target, geometry.crop);
    resizer_.resize(image, decoded_.box, crop.resized, crop.window, geometry.filter, out);
  }
  clock.end_of(seconds_.resize);
}

void Preparer::for_training(const EncodedImage& encoded, const AugmentOptions& options, std::uint64_t seed,
                            std::int64_t epoch, std::int64_t sample, ImageSize target, int channels,
                            std::uint8_t* out) {
  StageClock clock;
  const ImageHeader header = decoder_.header(encoded);
  const int orientation = orientation_of(encoded, options.upright);
  const ImageSize stored{header.height, header.width};
  const AugmentDraw draw =
      draw_augmentation(options, seed, epoch, sample, upright_size(stored, orientation), target);
  DecodeRequest request{.channels = channels};
  if (options.pad > 0) {
    decoder_.decode(encoded, request, decoded_);
    turn_decoded(orientation);
    clock.end_of(seconds_.decode);
    cut_padded(decoded_.image, draw.crop, draw.flip ? turned_ : resized_);
    if (draw.flip) mirror(turned_, resized_);
  } else {
    request.crop = stored_box(draw.crop, stored, orientation);
    request.at_least = upright_size(target, orientation);  // a turn there is one back
    decoder_.decode(encoded, request, decoded_);
    turn_decoded(orientation);
    clock.end_of(seconds_.decode);
    const PixelBox all{0, 0, target.height, target.width};
    if (!options.appearance.any()) {  // straight into the batch
      resizer_.resize(decoded_.image, decoded_.box, target, all, options.filter, out, draw.flip);
      clock.end_of(seconds_.resize);
      return;
    }
    resizer_.resize(decoded_.image, decoded_.box, target, all, options.filter, resized_, draw.flip);
  }
  clock.end_of(seconds_.resize);
  if (options.appearance.any()) {
    Philox appearance = appearance_draw(seed, epoch, sample);
    appearance_.change(options.appearance, appearance, resized_);
  }
  std::copy(resized_.pixels.begin(), resized_.pixels.end(), out);
  clock.end_of(seconds_.augment);
}

}  // namespace cf::data
