// Opens a pack and reads and decodes its first records. Checksums are made right first, as no fuzzer guesses
// them; what they protect from is tested in tests/data/pack_test.cpp.
#include <algorithm>
#include <cstring>
#include <vector>

#include "data/decode.h"
#include "data/formats/pack.h"
#include "data/formats/pack_layout.h"
#include "kernels/base/crc32c.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

// Of bytes [at, at + count), as far as they are there.
std::uint32_t checksum(const Bytes& bytes, std::uint64_t at, std::uint64_t count) {
  const std::uint64_t first = std::min<std::uint64_t>(at, bytes.size());
  return cf::crc32c(std::as_bytes(std::span(bytes)).subspan(first, std::min(count, bytes.size() - first)));
}

template <class T>
T read_at(const Bytes& bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T>
void write_at(Bytes& bytes, std::size_t at, const T& value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

void seal(Bytes& bytes) {
  using cf::data::PackEntry;
  using cf::data::PackHeader;
  if (bytes.size() < sizeof(PackHeader)) return;
  auto header = read_at<PackHeader>(bytes, 0);
  header.magic = cf::data::kPackMagic;
  header.version = cf::data::kPackVersion;
  for (std::uint64_t at = header.index_offset; at < bytes.size() && bytes.size() - at >= sizeof(PackEntry);
       at += sizeof(PackEntry)) {
    auto entry = read_at<PackEntry>(bytes, at);
    entry.crc = checksum(bytes, entry.offset, std::uint64_t{entry.image_bytes} + entry.name_bytes);
    write_at(bytes, at, entry);
  }
  header.description_crc = checksum(bytes, header.description_offset, header.description_bytes);
  header.index_crc = checksum(bytes, header.index_offset, bytes.size());
  write_at(bytes, 0, header);
  write_at(bytes, offsetof(PackHeader, header_crc), checksum(bytes, 0, offsetof(PackHeader, header_crc)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  Bytes bytes(data, data + size);
  seal(bytes);
  const FuzzFile file(bytes.data(), bytes.size());
  return expect_only({ErrorKind::Data}, [&] {
    const auto pack = data::open_pack(file.path(), 0);
    data::EncodedImage image;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(pack->size(), 8); ++i) {
      expect_only({ErrorKind::Data}, [&] {
        if (pack->label(i) >= std::ssize(pack->class_names()) || pack->name(i).empty()) std::abort();
        pack->read(i, image);
        data::Decoder(1 << 20).header(image);
      });
    }
  });
}
