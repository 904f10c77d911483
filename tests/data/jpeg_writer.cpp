#include "tests/data/jpeg_writer.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include "kernels/base/philox.h"

namespace cf::data {

std::vector<std::uint8_t> encode_jpeg(const Image& image, const JpegKind& kind) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = image.channels;
  info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : (image.channels == 3 ? JCS_RGB : JCS_CMYK);
  jpeg_set_defaults(&info);
  if (kind.ycck) jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_set_quality(&info, kind.quality, TRUE);
  const bool has_chroma = image.channels == 3 || kind.ycck;
  for (int c = 0; c < info.num_components; ++c) {
    const bool is_chroma = c == 1 || c == 2;
    info.comp_info[c].h_samp_factor = has_chroma && !is_chroma ? kind.horizontal : 1;
    info.comp_info[c].v_samp_factor = has_chroma && !is_chroma ? kind.vertical : 1;
  }
  info.arith_code = kind.arithmetic ? TRUE : FALSE;
  info.restart_in_rows = kind.restart_rows;
  if (kind.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  for (int y = 0; y < image.height; ++y) {
    auto row = const_cast<JSAMPROW>(image.row(y));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::vector<std::uint8_t> out(bytes, bytes + size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return out;
}

Image test_picture(int height, int width, int channels, std::uint64_t seed) {
  Image image;
  image.reshape(height, width, channels);
  Philox draw(seed, Purpose::Test);
  const float fx = draw.uniform(0.02f, 0.3f), fy = draw.uniform(0.02f, 0.3f);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const auto xf = static_cast<float>(x), yf = static_cast<float>(y);
        const float wave = 60.0f * std::sin(fx * xf + fy * yf + static_cast<float>(c));
        const float edge = (x / 7 + y / 11 + c) % 3 == 0 ? 40.0f : -20.0f;
        image.row(y)[x * channels + c] =
            static_cast<std::uint8_t>(128.0f + wave + edge + draw.uniform(-15.0f, 15.0f));
      }
    }
  }
  return image;
}

}  // namespace cf::data
