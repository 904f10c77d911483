#include "data/files.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include "data/file_descriptor.h"
#include "kernels/base/check.h"

namespace cf::data {
void read_file(const std::string& path, std::vector<std::uint8_t>& out) {
  const FileDescriptor file = FileDescriptor::for_reading(path);
  out.resize(file.size());
  file.read_at(0, out.data(), out.size());
}

std::vector<std::uint8_t> read_maybe_gzip(const std::string& path) {
  std::vector<std::uint8_t> stored;
  read_file(path, stored);
  if (stored.size() < 2 || stored[0] != 0x1f || stored[1] != 0x8b) return stored;

  struct EndInflate {
    void operator()(z_stream* s) const { inflateEnd(s); }
  };
  z_stream stream{};
  stream.next_in = stored.data();
  stream.avail_in = static_cast<uInt>(stored.size());
  CF_CHECK(stored.size() == stream.avail_in, path, " is too big for one gzip stream");
  CF_CHECK(inflateInit2(&stream, 15 + 16) == Z_OK, "zlib does not start");
  const std::unique_ptr<z_stream, EndInflate> end(&stream);

  std::vector<std::uint8_t> out(stored.size() * 4);
  int status = Z_OK;
  std::size_t done = 0;
  while (status != Z_STREAM_END) {
    if (done == out.size()) out.resize(out.size() * 2);
    const auto room = static_cast<uInt>(std::min<std::size_t>(out.size() - done, 1u << 30));
    stream.next_out = out.data() + done;
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
    CF_CHECK_AS(ErrorKind::Data, status == Z_OK || status == Z_STREAM_END, "cannot decompress ", path, ": ",
                status == Z_BUF_ERROR ? "the file is truncated"
                                      : (stream.msg != nullptr ? stream.msg : "not gzip data"));
  }
  out.resize(done);
  return out;
}

ImageEncoding encoding_of(const std::vector<std::uint8_t>& bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto has = [&](std::size_t at, std::string_view magic) {
    return text.size() >= at + magic.size() && text.substr(at, magic.size()) == magic;
  };
  using namespace std::string_view_literals;
  if (has(0, "\xff\xd8\xff"sv)) return ImageEncoding::Jpeg;
  if (has(0, "\x89PNG\r\n\x1a\n"sv)) return ImageEncoding::Png;
  if (has(0, "RIFF"sv) && has(8, "WEBP"sv)) return ImageEncoding::WebP;
  if (has(0, "BM"sv) && has(6, "\0\0\0\0"sv))
    return ImageEncoding::Bmp;  // reserved bytes: "BM" alone may begin a text
  if (has(0, "II*\0"sv) || has(0, "MM\0*"sv)) return ImageEncoding::Tiff;
  return ImageEncoding::Raw;
}

std::string_view name_of(ImageEncoding encoding) {
  constexpr std::array<std::string_view, 6> kNames{"raw", "JPEG", "PNG", "WebP", "BMP", "TIFF"};
  return kNames.at(static_cast<std::size_t>(encoding));
}

bool find_encoding(EncodedImage& image) {
  image.encoding = encoding_of(image.bytes);
  image.height = image.width = image.channels = 0;
  return image.encoding != ImageEncoding::Raw;
}

void read_image_file(const std::string& path, EncodedImage& out) {
  read_file(path, out.bytes);
  CF_CHECK_AS(ErrorKind::Data, find_encoding(out), path, kIsNoImage, " (", out.bytes.size(), " bytes)");
}

bool has_image_extension(const std::string& path) {
  const auto dot = path.find_last_of("./");
  if (dot == std::string::npos || path[dot] != '.') return false;
  std::string extension = path.substr(dot);
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // One whole entry of the list.
  const auto at = kImageExtensions.find(extension);
  const std::string_view rest =
      at == std::string_view::npos ? "?" : kImageExtensions.substr(at + extension.size());
  return rest.empty() || rest.starts_with(", ");
}

}  // namespace cf::data
