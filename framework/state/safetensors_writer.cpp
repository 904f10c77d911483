#include <array>
#include <set>

#include "framework/state/safetensors_header.h"
#include "kernels/base/crc32c.h"

namespace cf {
namespace {

std::vector<TensorEntry> checked_entries(std::span<const TensorSource> tensors) {
  std::vector<TensorEntry> entries;
  std::set<std::string_view> names{kHeaderName};
  for (const auto& [entry, bytes] : tensors) {
    CF_CHECK(names.insert(entry.name).second, "tensor name ", printable(entry.name), " is taken");
    const auto expected = static_cast<std::size_t>(byte_count(entry));
    CF_CHECK(bytes.size() == expected, "tensor ", printable(entry.name), " comes with ", bytes.size(),
             " bytes, its shape and element type need ", expected);
    entries.push_back(entry);
  }
  return entries;
}

std::string with_checksums(std::span<const TensorSource> tensors, std::span<const TensorEntry> entries,
                           const Metadata& metadata) {
  Checksums checksums{{std::string(kHeaderName), header_crc32c(entries, metadata)}};
  for (const auto& [entry, bytes] : tensors) checksums.emplace(entry.name, crc32c(bytes));
  auto complete = metadata;
  complete.emplace(kChecksumsKey, checksums_text(checksums));
  return header_text(entries, complete);
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorSource> tensors,
                       const Metadata& metadata, const SafetensorsOptions& options) {
  CF_CHECK(!metadata.contains(kChecksumsKey), "metadata key 'crc32c' is the writer's own");
  const auto entries = checked_entries(tensors);
  auto header =
      options.checksums ? with_checksums(tensors, entries, metadata) : header_text(entries, metadata);
  header.append((kSafetensorsPrefix - header.size() % kSafetensorsPrefix) % kSafetensorsPrefix, ' ');
  CF_CHECK_AS(ErrorKind::Checkpoint, static_cast<std::int64_t>(header.size()) <= kLongestHeader,
              "cannot write ", path.native(), ": its header would have ", header.size(), " bytes");

  std::array<std::byte, kSafetensorsPrefix> prefix;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    prefix[i] = static_cast<std::byte>(header.size() >> (8 * i));
  AtomicFile file(path, options.sync);
  file.write(prefix);
  file.write(std::as_bytes(std::span(header)));
  for (const auto& tensor : tensors) file.write(tensor.bytes);
  file.commit();
}

}  // namespace cf
