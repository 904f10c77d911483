// From an encoded image to the pixels a network sees, still uint8: one implementation for training,
// evaluation and prediction.
#pragma once

#include <cstdint>

#include "data/augment.h"
#include "data/dataset.h"
#include "data/decode.h"
#include "data/image.h"
#include "data/resize.h"
#include "data/stage_seconds.h"

namespace cf::data {

// What evaluation does with an image.
enum class Fit {
  ResizeCrop,  // resize to cover target / crop, cut the centre
  Pad,         // an image that fits into the target is put in the middle of black; others as ResizeCrop
};

struct EvaluationGeometry {
  ImageSize target;
  int channels = 3;
  float crop = 1.0f;
  Filter filter = Filter::Bicubic;
  Fit fit = Fit::ResizeCrop;
  bool upright = false;  // turn the image as the EXIF orientation of a JPEG says; published accuracies do not
};

// One per thread: keeps its memory from image to image. `out` has target.height * target.width * channels
// bytes.
class Preparer {
 public:
  // Decodes at full scale.
  void for_evaluation(const EncodedImage& encoded, const EvaluationGeometry& geometry, std::uint8_t* out);

  // Decodes the drawn crop only, a JPEG at the smallest DCT scale that is not below the target.
  void for_training(const EncodedImage& encoded, const AugmentOptions& options, std::uint64_t seed,
                    std::int64_t epoch, std::int64_t sample, ImageSize target, int channels,
                    std::uint8_t* out);

  // Spent on all images so far.
  const StageSeconds& seconds() const { return seconds_; }

 private:
  void turn_decoded(int orientation);

  Decoder decoder_;
  Resizer resizer_;
  DecodedImage decoded_;
  Image resized_, turned_;
  Appearance appearance_;
  StageSeconds seconds_;
};

}  // namespace cf::data
