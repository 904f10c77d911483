#include "data/formats/png.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

constexpr std::size_t kMaxMessage = 200;

std::string_view name_of_colours(int type) {
  switch (type) {
    case PNG_COLOR_TYPE_GRAY:
      return "grey";
    case PNG_COLOR_TYPE_GRAY_ALPHA:
      return "grey+alpha";
    case PNG_COLOR_TYPE_PALETTE:
      return "palette";
    case PNG_COLOR_TYPE_RGB:
      return "RGB";
    default:
      return "RGBA";
  }
}

int channels_of(int type) {
  switch (type) {
    case PNG_COLOR_TYPE_GRAY:
      return 1;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
      return 2;
    case PNG_COLOR_TYPE_PALETTE:
    case PNG_COLOR_TYPE_RGB:
      return 3;
    default:
      return 4;
  }
}

}  // namespace

struct PngReader::State {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const std::uint8_t* next = nullptr;
  std::size_t left = 0;
  std::jmp_buf jump{};
  char message[kMaxMessage]{};
  std::vector<png_bytep> rows;

  ~State() { close(); }
  void close() { png_destroy_read_struct(&png, &info, nullptr); }

  // Runs calls into libpng. Between here and the body nothing may own memory: an error jumps over
  // destructors.
  template <class Body>
  void guarded(Body body) {
    if (setjmp(jump) != 0) fail(ErrorKind::Data, "cannot decode PNG: ", static_cast<const char*>(message));
    body();
  }

  static void on_error(png_structp png, png_const_charp text) {
    State& s = *static_cast<State*>(png_get_error_ptr(png));
    std::strncpy(s.message, text, kMaxMessage - 1);
    std::longjmp(s.jump, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void read(png_structp png, png_bytep out, png_size_t count) {
    State& s = *static_cast<State*>(png_get_io_ptr(png));
    if (count > s.left) png_error(png, "the file is truncated");
    std::memcpy(out, s.next, count);
    s.next += count;
    s.left -= count;
  }
};

PngReader::PngReader() : state_(std::make_unique<State>()) {}
PngReader::~PngReader() = default;

ImageHeader PngReader::open(const std::vector<std::uint8_t>& bytes) {
  State& s = *state_;
  s.close();
  s.next = bytes.data();
  s.left = bytes.size();
  s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, State::on_error, State::on_warning);
  CF_CHECK(s.png != nullptr, "libpng does not start");
  s.guarded([&s] {
    s.info = png_create_info_struct(s.png);
    png_set_read_fn(s.png, &s, State::read);
    png_read_info(s.png, s.info);
  });
  const int type = png_get_color_type(s.png, s.info);
  return {.height = static_cast<int>(png_get_image_height(s.png, s.info)),
          .width = static_cast<int>(png_get_image_width(s.png, s.info)),
          .channels = channels_of(type),
          .colours = name_of_colours(type)};
}

void PngReader::decode(Image& out) {
  State& s = *state_;
  s.guarded([&s] {
    const int type = png_get_color_type(s.png, s.info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(s.png);
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(s.png);
    png_set_strip_16(s.png);
    png_set_strip_alpha(s.png);
    png_set_interlace_handling(s.png);
    png_read_update_info(s.png, s.info);
  });
  const int height = static_cast<int>(png_get_image_height(s.png, s.info));
  const int width = static_cast<int>(png_get_image_width(s.png, s.info));
  const int channels = png_get_channels(s.png, s.info);
  CF_CHECK(channels == 1 || channels == 3, "PNG rows of ", channels, " channels");
  out.reshape(height, width, channels);
  s.rows.resize(static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) s.rows[static_cast<std::size_t>(y)] = out.row(y);
  s.guarded([&s] {
    png_read_image(s.png, s.rows.data());
    png_read_end(s.png, nullptr);
  });
}

}  // namespace cf::data
