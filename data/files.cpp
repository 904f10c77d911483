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
  constexpr std::array<std::uint8_t, 3> kJpeg{0xff, 0xd8, 0xff};
  constexpr std::array<std::uint8_t, 8> kPng{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const auto starts_with = [&](const auto& magic) {
    return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
  };
  if (starts_with(kJpeg)) return ImageEncoding::Jpeg;
  if (starts_with(kPng)) return ImageEncoding::Png;
  return ImageEncoding::Raw;
}

void read_image_file(const std::string& path, EncodedImage& out) {
  read_file(path, out.bytes);
  out.encoding = encoding_of(out.bytes);
  out.height = out.width = out.channels = 0;
  CF_CHECK_AS(ErrorKind::Data, out.encoding != ImageEncoding::Raw, path, " is neither JPEG nor PNG (",
              out.bytes.size(), " bytes)");
}

bool has_image_extension(const std::string& path) {
  const auto dot = path.find_last_of("./");
  if (dot == std::string::npos || path[dot] != '.') return false;
  std::string extension = path.substr(dot + 1);
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == "jpg" || extension == "jpeg" || extension == "png";
}

}  // namespace cf::data
