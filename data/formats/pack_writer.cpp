#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "data/file_descriptor.h"
#include "data/formats/pack.h"
#include "data/formats/pack_description.h"
#include "data/formats/pack_layout.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

constexpr std::size_t kBuffer = 4 << 20;  // records are gathered to writes of this size

}  // namespace

struct PackWriter::State {
  std::string path;
  PackDescription description;
  FileDescriptor file;
  std::vector<PackEntry> entries;
  std::vector<std::uint8_t> buffer;  // of what comes at `written`
  std::uint64_t written = sizeof(PackHeader);
  bool finished = false;

  std::uint64_t end() const { return written + buffer.size(); }

  void append(const void* data, std::size_t bytes) {
    const auto* first = static_cast<const std::uint8_t*>(data);
    buffer.insert(buffer.end(), first, first + bytes);
    if (buffer.size() >= kBuffer) flush();
  }
  void flush() {
    file.write_at(written, buffer.data(), buffer.size());
    written += buffer.size();
    buffer.clear();
  }
};

PackWriter::PackWriter(const std::string& path, PackDescription description)
    : state_(new State{path, std::move(description), FileDescriptor::for_writing(path + ".partial")}) {
  const auto& d = state_->description;
  CF_CHECK(d.class_ids.empty() || d.class_ids.size() == d.class_names.size(), d.class_ids.size(), " ids for ",
           d.class_names.size(), " classes");
}

PackWriter::~PackWriter() {
  if (!state_->finished) std::remove(state_->file.path().c_str());
}

std::int64_t PackWriter::records() const { return static_cast<std::int64_t>(state_->entries.size()); }
std::int64_t PackWriter::bytes() const { return static_cast<std::int64_t>(state_->end()); }

void PackWriter::add(const EncodedImage& image, ImageSize size, std::int64_t label, const std::string& name) {
  State& s = *state_;
  CF_CHECK(label >= 0 && label < std::ssize(s.description.class_names), name, ": label ", label, " of ",
           s.description.class_names.size(), " classes");
  CF_CHECK(!s.finished, "a record for a finished pack");
  CF_CHECK_AS(ErrorKind::Data, image.bytes.size() <= std::numeric_limits<std::uint32_t>::max(), name, ": ",
              image.bytes.size(), " bytes are too many for a record");
  const std::size_t name_bytes =
      std::min<std::size_t>(name.size(), std::numeric_limits<std::uint16_t>::max());
  PackEntry entry{
      .offset = s.end(),
      .image_bytes = static_cast<std::uint32_t>(image.bytes.size()),
      .name_bytes = static_cast<std::uint16_t>(name_bytes),
      .encoding = static_cast<std::uint8_t>(image.encoding),
      .channels = static_cast<std::uint8_t>(image.encoding == ImageEncoding::Raw ? image.channels : 0),
      .height = static_cast<std::uint32_t>(size.height),
      .width = static_cast<std::uint32_t>(size.width),
      .label = static_cast<std::uint32_t>(label)};
  entry.crc = pack_checksum(name.data(), name_bytes, pack_checksum(image.bytes.data(), image.bytes.size()));
  s.append(image.bytes.data(), image.bytes.size());
  s.append(name.data(), name_bytes);
  s.entries.push_back(entry);
}

void PackWriter::finish() {
  State& s = *state_;
  CF_CHECK(!s.finished, "a pack finished twice");
  CF_CHECK_AS(ErrorKind::Data, !s.entries.empty(), "no records for ", s.path);
  const std::vector<std::uint8_t> description = encode_description(s.description);
  const std::size_t index_bytes = s.entries.size() * sizeof(PackEntry);
  PackHeader header{.magic = kPackMagic,
                    .version = kPackVersion,
                    .entry_bytes = sizeof(PackEntry),
                    .records = s.entries.size(),
                    .description_offset = s.end(),
                    .description_bytes = description.size(),
                    .index_offset = s.end() + description.size(),
                    .description_crc = pack_checksum(description.data(), description.size()),
                    .index_crc = pack_checksum(s.entries.data(), index_bytes),
                    .reserved = 0};
  header.header_crc = pack_checksum(&header, sizeof header - sizeof header.header_crc);
  s.append(description.data(), description.size());
  s.append(s.entries.data(), index_bytes);
  s.flush();
  s.file.write_at(0, &header, sizeof header);
  s.file.sync();
  CF_CHECK_AS(ErrorKind::Data, std::rename(s.file.path().c_str(), s.path.c_str()) == 0, "cannot rename ",
              s.file.path(), " to ", s.path, ": ", std::strerror(errno));
  s.finished = true;
  sync_folder_of(s.path);
}

}  // namespace cf::data
