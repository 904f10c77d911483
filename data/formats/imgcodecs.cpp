#include "data/formats/imgcodecs.h"

#include "data/files.h"
#include "data/formats/image_size.h"
#include "kernels/base/check.h"

#ifdef CF_WITH_IMGCODECS
#include <opencv2/core.hpp>
#include <opencv2/core/version.hpp>
#include <opencv2/imgcodecs.hpp>
#endif

namespace cf::data {

#ifdef CF_WITH_IMGCODECS

std::string imgcodecs_version() { return CV_VERSION; }

ImageHeader imgcodecs_header(ImageEncoding encoding, const std::vector<std::uint8_t>& bytes) {
  const ImageSize size = size_in_header(encoding, bytes);
  return {.height = size.height, .width = size.width, .channels = 3, .colours = "RGB"};
}

void imgcodecs_decode(ImageEncoding encoding, const std::vector<std::uint8_t>& bytes, Image& out) {
  const ImageSize size = size_in_header(encoding, bytes);
  cv::Mat decoded;  // blue, green, red
  try {
    decoded = cv::imdecode(bytes, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
  } catch (const cv::Exception& error) {
    fail(ErrorKind::Data, "cannot decode ", name_of(encoding), ": ", error.err);
  }
  CF_CHECK_AS(ErrorKind::Data, !decoded.empty(), "cannot decode ", name_of(encoding));
  CF_CHECK_AS(ErrorKind::Data, decoded.rows == size.height && decoded.cols == size.width, "the image of ",
              size.height, "x", size.width, " pixels decodes to ", decoded.rows, "x", decoded.cols);
  out.reshape(decoded.rows, decoded.cols, 3);
  for (int y = 0; y < decoded.rows; ++y) {
    const std::uint8_t* from = decoded.ptr(y);
    std::uint8_t* to = out.row(y);
    for (int x = 0; x < decoded.cols; ++x, from += 3, to += 3) {
      to[0] = from[2];
      to[1] = from[1];
      to[2] = from[0];
    }
  }
}

#else

namespace {

[[noreturn]] void refuse(ImageEncoding encoding) {
  fail(ErrorKind::Data, "a ", name_of(encoding),
       " image, which this build cannot read: it lacks the optional component OpenCV imgcodecs (install "
       "libopencv-imgcodecs-dev and build again, or convert the image to PNG)");
}

}  // namespace

std::string imgcodecs_version() { return {}; }

ImageHeader imgcodecs_header(ImageEncoding encoding, const std::vector<std::uint8_t>&) { refuse(encoding); }

void imgcodecs_decode(ImageEncoding encoding, const std::vector<std::uint8_t>&, Image&) { refuse(encoding); }

#endif

}  // namespace cf::data
