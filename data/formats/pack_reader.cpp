#include <algorithm>
#include <cstring>
#include <utility>

#include "data/file_descriptor.h"
#include "data/formats/pack.h"
#include "data/formats/pack_description.h"
#include "data/formats/pack_layout.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

struct PackFile {
  FileDescriptor file;
  PackHeader header{};
  PackDescription description;
};

void check_header(const PackHeader& header, std::uint64_t file_bytes) {
  CF_CHECK_AS(ErrorKind::Data, header.magic == kPackMagic, "not a pack file");
  CF_CHECK_AS(ErrorKind::Data, header.version == kPackVersion, "version ", header.version,
              " of the pack format; this program reads version ", kPackVersion);
  CF_CHECK_AS(ErrorKind::Data,
              header.header_crc == pack_checksum(&header, sizeof header - sizeof header.header_crc),
              "the header's checksum is wrong");
  CF_CHECK_AS(ErrorKind::Data, header.entry_bytes == sizeof(PackEntry), "index entries of ",
              header.entry_bytes, " bytes");
  // Written so that no sum or product of damaged numbers can overflow.
  CF_CHECK_AS(ErrorKind::Data,
              header.description_offset >= sizeof header && header.description_offset <= file_bytes &&
                  header.description_bytes <= file_bytes - header.description_offset &&
                  header.index_offset == header.description_offset + header.description_bytes,
              "the sections do not fit into its ", file_bytes, " bytes: it is truncated");
  const std::uint64_t left = file_bytes - header.index_offset;
  CF_CHECK_AS(ErrorKind::Data, left % sizeof(PackEntry) == 0 && left / sizeof(PackEntry) == header.records,
              "an index of ", header.records, " records does not fit into the last ", left,
              " bytes: the file is ", "truncated or has bytes added");
}

PackFile open_file(const std::string& path) {
  PackFile pack{FileDescriptor::for_reading(path)};
  in_context(
      [&] { return path; },
      [&] {
        const std::uint64_t size = pack.file.size();
        CF_CHECK_AS(ErrorKind::Data, size >= sizeof(PackHeader), size, " bytes are too few for a pack file");
        pack.file.read_at(0, &pack.header, sizeof pack.header);
        check_header(pack.header, size);
        std::vector<std::uint8_t> bytes(pack.header.description_bytes);
        pack.file.read_at(pack.header.description_offset, bytes.data(), bytes.size());
        CF_CHECK_AS(ErrorKind::Data, pack_checksum(bytes.data(), bytes.size()) == pack.header.description_crc,
                    "the description's checksum is wrong");
        pack.description = decode_description(bytes);
      });
  return pack;
}

class PackDataset final : public Dataset {
 public:
  PackDataset(PackFile pack, int channels)
      : file_(std::move(pack.file)),
        class_names_(std::move(pack.description.class_ids.empty() ? pack.description.class_names
                                                                  : pack.description.class_ids)),
        channels_(channels == 0 ? pack.description.channels : channels) {
    entries_.resize(pack.header.records);
    const std::size_t bytes = entries_.size() * sizeof(PackEntry);
    file_.read_at(pack.header.index_offset, entries_.data(), bytes);
    CF_CHECK_AS(ErrorKind::Data, pack_checksum(entries_.data(), bytes) == pack.header.index_crc, file_.path(),
                ": the index's checksum is wrong");
    for (std::size_t i = 0; i < entries_.size(); ++i) check_entry(i, pack.header.description_offset);
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(entries_.size()); }
  int channels() const override { return channels_; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::int64_t label(std::int64_t sample) const override { return entry(sample).label; }
  std::string name(std::int64_t sample) const override;
  void read(std::int64_t sample, EncodedImage& out) const override;
  void will_read(std::int64_t first, std::int64_t count) const override;

 private:
  const PackEntry& entry(std::int64_t sample) const { return entries_.at(static_cast<std::size_t>(sample)); }
  void check_entry(std::size_t i, std::uint64_t records_end) const;

  FileDescriptor file_;
  std::vector<std::string> class_names_;
  int channels_;
  std::vector<PackEntry> entries_;
};

void PackDataset::check_entry(std::size_t i, std::uint64_t records_end) const {
  const PackEntry& e = entries_[i];
  const std::uint64_t bytes = std::uint64_t{e.image_bytes} + e.name_bytes;
  CF_CHECK_AS(ErrorKind::Data,
              e.offset >= sizeof(PackHeader) && e.offset <= records_end && bytes <= records_end - e.offset,
              file_.path(), "#", i, ": the record lies outside the file's records");
  CF_CHECK_AS(ErrorKind::Data, e.label < class_names_.size(), file_.path(), "#", i, ": label ", e.label,
              " is outside the ", class_names_.size(), " classes");
  CF_CHECK_AS(ErrorKind::Data, e.encoding <= static_cast<std::uint8_t>(ImageEncoding::Tiff), file_.path(),
              "#", i, ": encoding ", int{e.encoding}, " is unknown");
}

// FILE#17 (the name given when packed); for messages, so that an unreadable name is left out.
std::string PackDataset::name(std::int64_t sample) const {
  const PackEntry& e = entry(sample);
  std::string stored(e.name_bytes, '\0');
  try {
    file_.read_at(e.offset + e.image_bytes, stored.data(), stored.size());
  } catch (const Error&) {
    stored.assign(1, '?');
  }
  return concat(file_.path(), "#", sample, " (", stored, ")");
}

void PackDataset::read(std::int64_t sample, EncodedImage& out) const {
  const PackEntry& e = entry(sample);
  out.bytes.resize(std::size_t{e.image_bytes} + e.name_bytes);
  in_context([&] { return name(sample); },
             [&] { file_.read_at(e.offset, out.bytes.data(), out.bytes.size()); });
  CF_CHECK_AS(ErrorKind::Data, pack_checksum(out.bytes.data(), out.bytes.size()) == e.crc, name(sample),
              ": the record's checksum is wrong: the file is damaged");
  out.bytes.resize(e.image_bytes);
  out.encoding = static_cast<ImageEncoding>(e.encoding);
  out.height = static_cast<int>(e.height);
  out.width = static_cast<int>(e.width);
  out.channels = e.channels;
}

// A writer puts records behind one another in the order of the index; of others nothing is expected.
void PackDataset::will_read(std::int64_t first, std::int64_t count) const {
  const PackEntry &begin = entry(first), &last = entry(first + count - 1);
  const std::uint64_t end = last.offset + last.image_bytes + last.name_bytes;
  if (end > begin.offset) file_.will_read(begin.offset, end - begin.offset);
}

}  // namespace

bool is_pack(const std::string& path) {
  const FileDescriptor file = FileDescriptor::for_reading(path);
  std::array<char, kPackMagic.size()> magic{};
  if (file.size() < magic.size()) return false;
  file.read_at(0, magic.data(), magic.size());
  return magic == kPackMagic;
}

std::unique_ptr<Dataset> open_pack(const std::string& path, int channels) {
  return std::make_unique<PackDataset>(open_file(path), channels);
}

PackDescription read_pack_description(const std::string& path) { return open_file(path).description; }

}  // namespace cf::data
