#include "data/formats/jpeg_encode.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

struct EncoderErrors {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void leave_encoder(j_common_ptr info) {
  auto& errors = *reinterpret_cast<EncoderErrors*>(info->err);
  errors.base.format_message(info, errors.message);
  std::longjmp(errors.jump, 1);
}

struct Encoder {
  jpeg_compress_struct info{};
  EncoderErrors errors{};
  unsigned char* bytes = nullptr;  // libjpeg's, by malloc
  unsigned long size = 0;

  ~Encoder() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }

  void run(const Image& image, int quality) {
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = leave_encoder;
    if (setjmp(errors.jump) != 0)
      fail(ErrorKind::Internal, "cannot encode JPEG: ", static_cast<const char*>(errors.message));
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = static_cast<JDIMENSION>(image.width);
    info.image_height = static_cast<JDIMENSION>(image.height);
    info.input_components = image.channels;
    info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    info.optimize_coding = TRUE;
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < image.height; ++y) {
      auto row = const_cast<JSAMPROW>(image.row(y));  // libjpeg only reads it
      jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
  }
};

}  // namespace

void encode_jpeg(const Image& image, int quality, std::vector<std::uint8_t>& out) {
  CF_CHECK(image.channels == 1 || image.channels == 3, "a JPEG of ", image.channels, " channels");
  CF_CHECK(quality >= 1 && quality <= 100, "JPEG quality ", quality);
  Encoder encoder;
  encoder.run(image, quality);
  out.assign(encoder.bytes, encoder.bytes + encoder.size);
}

}  // namespace cf::data
