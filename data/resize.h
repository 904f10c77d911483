// Antialiased resize, equal to Pillow's Image.resize (reducing_gap None) on every byte: two passes,
// horizontal first, each rounded to 8 bits, weights in 22-bit fixed point. And the geometry of evaluation.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"

namespace cf::data {

enum class Filter { Bilinear, Bicubic };

// Which source pixels make an output pixel: sum over i < count of weights[i] * source[first + i].
struct FilterTaps {
  int first, count;
};

// The weights of two taps as the vector code wants them: the upper and the lower parts, side by side in 16
// bits.
struct WeightPair {
  std::int32_t high, low;
};

// Two taps of eight values of an output row: the bytes of the source row and their weights. Loads begin at
// the offsets, two in each half; picks puts the bytes of a half in order.
struct alignas(32) RowStep {
  std::uint8_t picks[32];
  std::int32_t high[8], low[8];
  std::int32_t offsets[4];
};

// The weights along one axis, for output pixels [0, taps.size()).
struct FilterWeights {
  int stride = 0;  // weights between one output pixel and the next
  std::vector<FilterTaps> taps;
  std::vector<std::int32_t> weights;  // fixed point, kWeightBits
  std::vector<double> exact;          // of one output pixel, while they are computed
  // For the vector code, made by the passes.
  std::vector<WeightPair> pairs;
  std::vector<RowStep> steps;
};
inline constexpr int kWeightBits = 22;
inline constexpr std::int32_t kRoundingHalf = 1
                                              << (kWeightBits - 1);  // added before the shift by kWeightBits

// Weights that map [low, high) of `source_extent` pixels to `output_extent` pixels, of which [first, first +
// count) are computed.
void compute_weights(Filter filter, int source_extent, float low, float high, int output_extent, int first,
                     int count, FilterWeights& out);

// One per thread: keeps its memory from image to image.
class Resizer {
 public:
  // The box of `source`, resized to `size`; of this the part `window` is computed, rows without padding.
  // `mirrored`: the columns of out from right to left, which costs nothing.
  void resize(const Image& source, const Box& box, ImageSize size, const PixelBox& window, Filter filter,
              std::uint8_t* out, bool mirrored = false);
  // The same to an image, which takes the window's shape.
  void resize(const Image& source, const Box& box, ImageSize size, const PixelBox& window, Filter filter,
              Image& out, bool mirrored = false);
  // All of the source, resized to `size`.
  void resize(const Image& source, ImageSize size, Filter filter, Image& out);

 private:
  FilterWeights across_, down_;
  Image narrowed_;  // between the passes
};

// Evaluation: resize so that the image just covers target / crop (the shorter side becomes floor(target /
// crop), the longer is rounded down), then cut the centre, with torchvision's rounding.
struct CentreCrop {
  ImageSize resized;
  PixelBox window;  // in the resized image
};
CentreCrop centre_crop(ImageSize source, ImageSize target, float crop);

}  // namespace cf::data
