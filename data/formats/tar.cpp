#include "data/formats/tar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "kernels/base/check.h"

namespace cf::data {
namespace {

constexpr std::uint64_t kBlock = 512;
constexpr std::int64_t kReported = 1024;          // every so many headers
constexpr std::uint64_t kMaxExtension = 1 << 20;  // of a long name or pax header

struct Header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
      version[2], user[32], group[32], major[8], minor[8], prefix[155], padding[12];
};
static_assert(sizeof(Header) == kBlock);

template <std::size_t N>
std::string_view text_of(const char (&field)[N]) {
  return {field, std::find(field, field + N, '\0')};
}

// Octal digits, or with the top bit set a big-endian number.
template <std::size_t N>
std::optional<std::uint64_t> number_of(const char (&field)[N]) {
  if ((static_cast<unsigned char>(field[0]) & 0x80u) != 0) {
    std::uint64_t value = static_cast<unsigned char>(field[0]) & 0x7fu;
    for (std::size_t i = 1; i < N; ++i) {
      if (value >> 55 != 0) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(field[i]);
    }
    return value;
  }
  std::string_view text = text_of(field);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The sum of the header's bytes, those of the checksum taken as spaces.
std::uint64_t checksum_of(const Header& header) {
  std::array<unsigned char, kBlock> bytes;
  std::memcpy(bytes.data(), &header, kBlock);
  std::fill_n(bytes.begin() + offsetof(Header, checksum), sizeof header.checksum,
              static_cast<unsigned char>(' '));
  std::uint64_t sum = 0;
  for (const unsigned char byte : bytes) sum += byte;
  return sum;
}

bool is_header(const Header& header) { return number_of(header.checksum) == checksum_of(header); }

bool is_zero(const Header& header) {
  const auto* bytes = reinterpret_cast<const char*>(&header);
  return std::all_of(bytes, bytes + kBlock, [](char byte) { return byte == 0; });
}

std::string name_of(const Header& header) {
  const std::string name(text_of(header.name));
  const std::string_view prefix = text_of(header.prefix);
  const bool is_ustar = std::memcmp(header.magic, "ustar", 6) == 0;
  return is_ustar && !prefix.empty() ? concat(prefix, "/", name) : name;
}

// What extension headers say about the member that follows.
struct Extension {
  std::string name;
  std::optional<std::uint64_t> bytes;
};

// Lines "LENGTH KEY=VALUE\n"; LENGTH counts the whole line.
void parse_pax(std::string_view text, Extension& out) {
  while (!text.empty()) {
    std::size_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    const auto digits = static_cast<std::size_t>(end - text.data());
    CF_CHECK_AS(ErrorKind::Data, error == std::errc{} && length > digits + 1 && length <= text.size(),
                "a damaged pax header");
    const std::string_view line = text.substr(digits + 1, length - digits - 2);
    text.remove_prefix(length);
    const std::string_view key = line.substr(0, line.find('='));
    if (key.size() == line.size()) continue;
    const std::string_view value = line.substr(key.size() + 1);
    if (key == "path") out.name = value;
    if (key == "size") {
      std::uint64_t bytes = 0;
      std::from_chars(value.data(), value.data() + value.size(), bytes);
      out.bytes = bytes;
    }
  }
}

// Reads so many bytes from an offset, all of which lie in the archive.
using ReadAt = std::function<void(std::uint64_t offset, void* out, std::size_t bytes)>;

// Goes through one archive.
class Walk {
 public:
  Walk(ReadAt read_at, std::string name, std::uint64_t begin, std::uint64_t end)
      : read_at_(std::move(read_at)), name_(std::move(name)), at_(begin), end_(end) {}

  std::vector<TarMember> members(const OnMember& on_member) {
    for (std::int64_t headers = 1; end_ - at_ >= kBlock; ++headers) {
      if (on_member && headers % kReported == 0) on_member(at_);
      Header header;
      read_at_(at_, &header, sizeof header);
      if (is_zero(header)) return std::move(members_);
      in_context([&] { return concat(name_, ": byte ", at_); }, [&] { take(header); });
    }
    fail(ErrorKind::Data, name_, ": the archive has no end mark: it is truncated at byte ", end_);
  }

 private:
  std::string read_text(std::uint64_t offset, std::uint64_t bytes) const {
    CF_CHECK_AS(ErrorKind::Data, bytes <= kMaxExtension, "an extension header of ", bytes, " bytes");
    std::string text(bytes, '\0');
    read_at_(offset, text.data(), text.size());
    return text;
  }

  void take(const Header& header) {
    CF_CHECK_AS(ErrorKind::Data, is_header(header), "not a tar header");
    const std::uint64_t contents = at_ + kBlock;
    const bool is_extension =
        header.type == 'L' || header.type == 'x' || header.type == 'K' || header.type == 'g';
    std::uint64_t bytes = number_of(header.size).value_or(end_);
    if (!is_extension) bytes = extension_.bytes.value_or(bytes);
    CF_CHECK_AS(ErrorKind::Data, bytes <= end_ - contents, "a member of ", bytes, " bytes, only ",
                end_ - contents, " are left: the archive is truncated");
    if (header.type == 'L') {
      extension_.name = read_text(contents, bytes).c_str();  // up to the zero
    } else if (header.type == 'x') {
      parse_pax(read_text(contents, bytes), extension_);
    } else if (!is_extension) {
      const bool is_file = header.type == '0' || header.type == '\0' || header.type == '7';
      if (is_file)
        members_.push_back({extension_.name.empty() ? name_of(header) : extension_.name, contents, bytes});
      extension_ = {};
    }
    const std::uint64_t padded = (bytes + kBlock - 1) / kBlock * kBlock;
    at_ = contents + std::min(padded, end_ - contents);
  }

  ReadAt read_at_;
  std::string name_;
  std::uint64_t at_, end_;
  Extension extension_;
  std::vector<TarMember> members_;
};

}  // namespace

std::vector<TarMember> list_tar(const FileDescriptor& file, std::uint64_t begin, std::uint64_t end,
                                const OnMember& on_member) {
  const auto read_at = [&file](std::uint64_t offset, void* out, std::size_t bytes) {
    file.read_at(offset, out, bytes);
  };
  return Walk(read_at, file.path(), begin, end).members(on_member);
}

std::vector<TarMember> list_tar(std::span<const std::uint8_t> archive, const std::string& name) {
  const auto read_at = [archive](std::uint64_t offset, void* out, std::size_t bytes) {
    std::memcpy(out, archive.subspan(offset, bytes).data(), bytes);
  };
  return Walk(read_at, name, 0, archive.size()).members({});
}

bool is_tar(const std::string& path) {
  const FileDescriptor file = FileDescriptor::for_reading(path);
  if (file.size() < kBlock) return false;
  Header header;
  file.read_at(0, &header, sizeof header);
  return is_header(header);
}

}  // namespace cf::data
