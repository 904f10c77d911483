#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "framework/state/safetensors_header.h"
#include "kernels/base/crc32c.h"

namespace cf {
namespace {

std::int64_t size_of_file(const FileDescriptor& file, ErrorKind kind) {
  struct stat status {};
  CF_CHECK_AS(kind, ::fstat(file.number(), &status) == 0, "cannot ask for its size: ", system_message(errno));
  CF_CHECK_AS(kind, S_ISREG(status.st_mode), "it is not a regular file");
  return status.st_size;
}

// The header's length, in a file of `file_size` bytes.
std::int64_t read_header_length(const FileDescriptor& file, std::int64_t file_size,
                                const std::filesystem::path& path, ErrorKind kind) {
  CF_CHECK_AS(kind, file_size >= kSafetensorsPrefix, "it has ", file_size,
              " bytes, too few for a safetensors file");
  std::array<std::byte, kSafetensorsPrefix> prefix;
  CF_CHECK_AS(kind, read_at(file, 0, prefix, path, kind) == prefix.size(), "the file ended while being read");
  std::uint64_t length = 0;
  for (std::size_t i = prefix.size(); i-- > 0;) length = length << 8 | static_cast<std::uint64_t>(prefix[i]);
  const auto most = static_cast<std::uint64_t>(std::min(file_size - kSafetensorsPrefix, kLongestHeader));
  CF_CHECK_AS(kind, length <= most, "its header claims ", length, " bytes, at most ", most,
              " are possible: truncated, or not a safetensors file");
  return static_cast<std::int64_t>(length);
}

}  // namespace

// O_NONBLOCK: opening a named pipe would wait for a writer.
SafetensorsReader::SafetensorsReader(std::filesystem::path path, ErrorKind kind)
    : path_(std::move(path)), kind_(kind), file_(path_, O_RDONLY | O_NONBLOCK, kind) {
  in_context([&] { return path_.native(); },
             [&] {
               const auto file_size = size_of_file(file_, kind);
               const auto length = read_header_length(file_, file_size, path_, kind);
               std::string text(static_cast<std::size_t>(length), '\0');
               const auto got =
                   read_at(file_, kSafetensorsPrefix, std::as_writable_bytes(std::span(text)), path_, kind);
               CF_CHECK_AS(kind, got == text.size(), "the file ended while being read");
               const auto data_begin = kSafetensorsPrefix + length;
               auto header = parse_header(text, file_size - data_begin, kind);
               entries_ = std::move(header.entries);
               offsets_ = std::move(header.offsets);
               metadata_ = std::move(header.metadata);
               checksums_ = std::move(header.checksums);
               for (auto& offset : offsets_) offset += data_begin;
               for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
               if (checksums_) check_header();
             });
}

void SafetensorsReader::check_header() const {
  const auto header = checksums_->find(kHeaderName);
  CF_CHECK_AS(kind_, header != checksums_->end() && header->second == header_crc32c(entries_, metadata_),
              "the header is damaged: its checksum does not match");
}

const TensorEntry* SafetensorsReader::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::size_t SafetensorsReader::index_of(std::string_view name) const {
  const auto found = index_.find(name);
  CF_CHECK_AS(kind_, found != index_.end(), path_.native(), ": has no tensor ", printable(name));
  return found->second;
}

void SafetensorsReader::read_chunk(std::size_t index, std::int64_t offset, std::span<std::byte> bytes) const {
  const auto got = read_at(file_, offsets_[index] + offset, bytes, path_, kind_);
  CF_CHECK_AS(kind_, got == bytes.size(), path_.native(), ": the file ended inside tensor ",
              printable(entries_[index].name));
}

void SafetensorsReader::compare(std::size_t index, std::uint32_t actual) const {
  if (!checksums_) return;
  const auto& name = entries_[index].name;
  const auto expected = checksums_->find(name);
  CF_CHECK_AS(kind_, expected != checksums_->end(), path_.native(), ": tensor ", printable(name),
              " has no checksum, others have: damaged header");
  CF_CHECK_AS(kind_, expected->second == actual, path_.native(), ": tensor ", printable(name),
              " is damaged: its checksum does not match its bytes");
}

void SafetensorsReader::read(std::string_view name, std::span<std::byte> bytes) const {
  const auto index = index_of(name);
  const auto expected = static_cast<std::size_t>(byte_count(entries_[index]));
  CF_CHECK(bytes.size() == expected, path_.native(), ": tensor ", printable(name), " has ", expected,
           " bytes, asked to read ", bytes.size());
  read_chunk(index, 0, bytes);
  if (checksums_) compare(index, cf::crc32c(bytes));
}

std::uint32_t SafetensorsReader::crc32c(std::string_view name) const {
  constexpr std::int64_t kChunk = 1 << 20;
  const auto index = index_of(name);
  const auto size = byte_count(entries_[index]);
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(size, kChunk)));
  std::uint32_t crc = 0;
  for (std::int64_t at = 0; at < size; at += kChunk) {
    const auto chunk = std::span(buffer).first(static_cast<std::size_t>(std::min(kChunk, size - at)));
    read_chunk(index, at, chunk);
    crc = cf::crc32c(chunk, crc);
  }
  return crc;
}

void SafetensorsReader::verify() const {
  CF_CHECK_AS(kind_, checksums_, path_.native(), ": holds no checksums, cannot be verified");
  for (std::size_t i = 0; i < entries_.size(); ++i) compare(i, crc32c(entries_[i].name));
}

void verify_safetensors(const std::filesystem::path& path) { SafetensorsReader(path).verify(); }

}  // namespace cf
