#include "data/formats/jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

// In this order: jpeglib.h uses FILE, jerror.h depends on what jpeglib.h configures.
#include <jpeglib.h>

#include <jerror.h>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

// Chroma is widened from its neighbours, so that the columns at the edges of a partial decode are not those
// of a whole one: as many as a chroma pixel is wide. Rows need no margin: jpeg_skip_scanlines keeps what the
// next ones are made from.
constexpr int kMarginColumns = 2;

// libjpeg reports through this; error_exit must not return, hence the jump.
struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  bool input_ended;  // the decoder asked for bytes past the end
};

ErrorManager& manager_of(j_common_ptr info) { return *reinterpret_cast<ErrorManager*>(info->err); }

[[noreturn]] void jump_out(j_common_ptr info) {
  ErrorManager& errors = manager_of(info);
  errors.base.format_message(info, errors.message);
  std::longjmp(errors.jump, 1);
}

// Warnings that mean missing or invented pixels are errors here; libjpeg would go on with grey.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace
  ErrorManager& errors = manager_of(info);
  switch (errors.base.msg_code) {
    case JWRN_JPEG_EOF:
      errors.input_ended = true;
      break;
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
      jump_out(info);
    default:
      break;
  }
}

// jpeg_crop_scanline forgets, at a reduced scale, that chroma may be decoded at twice the size of its
// sampling, which goes wrong where it must still be widened: 4:1:0.
bool can_crop_columns(const jpeg_decompress_struct& info) {
  return info.scale_denom == 1 || info.max_h_samp_factor <= 2;
}

void print_nothing(j_common_ptr) {}

std::string_view name_of_colours(J_COLOR_SPACE space) {
  switch (space) {
    case JCS_GRAYSCALE:
      return "grey";
    case JCS_RGB:
      return "RGB";
    case JCS_YCbCr:
      return "YCbCr";
    case JCS_CMYK:
      return "CMYK";
    case JCS_YCCK:
      return "YCCK";
    default:
      return "unknown";
  }
}

}  // namespace

struct JpegReader::State {
  jpeg_decompress_struct info{};
  ErrorManager errors{};
  std::vector<std::uint8_t> row_memory;
  std::uint8_t* row = nullptr;  // one row with margins

  // Runs calls into libjpeg. Between here and the body nothing may own memory: an error jumps over
  // destructors.
  template <class Body>
  void guarded(Body body) {
    if (setjmp(errors.jump) != 0) {
      jpeg_abort_decompress(&info);
      fail(ErrorKind::Data, "cannot decode JPEG: ", static_cast<const char*>(errors.message));
    }
    body();
  }

  void reserve_row(std::size_t bytes);
  void skip_rows(int count);
  void read_rows(int count, int first_column, int columns, std::uint8_t* out);
  void check_complete();
};

JpegReader::JpegReader() : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.info.err = jpeg_std_error(&s.errors.base);
  s.errors.base.error_exit = jump_out;
  s.errors.base.emit_message = on_message;
  s.errors.base.output_message = print_nothing;
  s.guarded([&s] { jpeg_create_decompress(&s.info); });
}

JpegReader::~JpegReader() { jpeg_destroy_decompress(&state_->info); }

ImageHeader JpegReader::open(const std::vector<std::uint8_t>& bytes) {
  State& s = *state_;
  s.guarded([&s, &bytes] {
    jpeg_abort_decompress(&s.info);
    s.errors.input_ended = false;
    jpeg_mem_src(&s.info, bytes.data(), static_cast<unsigned long>(bytes.size()));
    jpeg_read_header(&s.info, TRUE);
  });
  const auto& info = s.info;
  return {.height = static_cast<int>(info.image_height),
          .width = static_cast<int>(info.image_width),
          .channels = info.num_components,
          .colours = name_of_colours(info.jpeg_color_space),
          .progressive = info.progressive_mode != 0};
}

void JpegReader::State::skip_rows(int count) {
  if (count > 0) jpeg_skip_scanlines(&info, static_cast<JDIMENSION>(count));
}

// libjpeg-turbo writes rows that are aligned to 16 or 32 bytes past the caches, which makes whoever reads
// them next wait for memory. An odd address avoids that, and a copy from the cache to where the row belongs
// costs less: an eighth of all the time.
void JpegReader::State::reserve_row(std::size_t bytes) {
  constexpr std::size_t kAligned = 32, kOdd = 8;
  row_memory.resize(bytes + kAligned + kOdd);
  const auto behind = reinterpret_cast<std::uintptr_t>(row_memory.data()) % kAligned;
  row = row_memory.data() + (kAligned - behind) + kOdd;
}

// Reads rows into `row` and copies [first_column, + columns) of each to `out`.
void JpegReader::State::read_rows(int count, int first_column, int columns, std::uint8_t* out) {
  const auto channels = static_cast<std::size_t>(info.output_components);
  const std::size_t first = static_cast<std::size_t>(first_column) * channels;
  const std::size_t bytes = static_cast<std::size_t>(columns) * channels;
  for (int y = 0; y < count; ++y, out += bytes) {
    jpeg_read_scanlines(&info, &row, 1);
    std::memcpy(out, row + first, bytes);
  }
}

// What ends early without any further warning: a progressive image between two scans, arithmetic coding
// anywhere.
void JpegReader::State::check_complete() {
  if (!errors.input_ended) return;
  if (info.arith_code != 0) ERREXIT(&info, JERR_INPUT_EOF);
  if (info.coef_bits == nullptr) return;
  for (int component = 0; component < info.num_components; ++component) {
    for (int i = 0; i < DCTSIZE2; ++i) {
      if (info.coef_bits[component][i] == 0) continue;
      ERREXIT(&info, JERR_INPUT_EOF);
    }
  }
}

void JpegReader::decode(int scale, const PixelBox& box, Image& out) {
  State& s = *state_;
  auto& info = s.info;
  s.guarded([&] {
    info.scale_num = 1;
    info.scale_denom = static_cast<unsigned>(scale);
    info.dct_method = JDCT_ISLOW;
    if (info.jpeg_color_space == JCS_GRAYSCALE) {
      info.out_color_space = JCS_GRAYSCALE;
    } else {
      info.out_color_space = info.num_components == 4 ? JCS_CMYK : JCS_RGB;
    }
    jpeg_start_decompress(&info);
  });
  const int full_width = static_cast<int>(info.output_width);
  const int full_height = static_cast<int>(info.output_height);
  CF_CHECK(box.left >= 0 && box.top >= 0 && box.height > 0 && box.width > 0 &&
               box.left + box.width <= full_width && box.top + box.height <= full_height,
           "crop [", box.top, ", +", box.height, ") x [", box.left, ", +", box.width, ") of a ", full_height,
           "x", full_width, " image");
  out.reshape(box.height, box.width, info.output_components);
  s.reserve_row(static_cast<std::size_t>(full_width) * static_cast<std::size_t>(info.output_components));
  s.guarded([&] {
    const int left = std::max(0, box.left - kMarginColumns);
    const int right = std::min(full_width, box.left + box.width + kMarginColumns);
    JDIMENSION first = 0;
    if (right - left < full_width && can_crop_columns(info)) {
      first = static_cast<JDIMENSION>(left);
      auto width = static_cast<JDIMENSION>(right - left);
      jpeg_crop_scanline(&info, &first, &width);
    }
    s.skip_rows(box.top);
    s.read_rows(box.height, box.left - static_cast<int>(first), box.width, out.pixels.data());
    s.check_complete();
    jpeg_abort_decompress(&info);
  });
}

ImageSize scaled_size(ImageSize full, int scale) {
  return {(full.height + scale - 1) / scale, (full.width + scale - 1) / scale};
}

}  // namespace cf::data
