// Safetensors files: the one reader and the one writer, for checkpoints and for interchange.
//
// Layout: 8 bytes little-endian header length; the header, JSON padded with spaces to a multiple of 8:
//   {"__metadata__": {key: text, ...}, NAME: {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]},
//   ...}
// then the tensors' bytes without gaps, row-major, little-endian. Names of element types: F64 F32 F16 BF16 U8
// I64.
//
// Checksums (optional; checkpoints have them): metadata key "crc32c" holds a JSON object of CRC32C values in
// lower-case hexadecimal, one per tensor name, and under "__metadata__" that of the header as it is without
// this key. With them any change of a byte that means something is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "framework/state/atomic_file.h"
#include "framework/state/file_descriptor.h"
#include "framework/state/metadata.h"
#include "kernels/base/check.h"
#include "kernels/base/dtype.h"

namespace cf {

struct TensorEntry {
  std::string name;
  DType dtype = DType::Float32;
  std::vector<std::int64_t> shape;  // empty: a scalar

  friend bool operator==(const TensorEntry&, const TensorEntry&) = default;
};

// Number of elements, and of bytes; an Error of `kind` names the tensor if an extent is negative or the
// number does not fit.
std::int64_t element_count(const TensorEntry& entry, ErrorKind kind = ErrorKind::Internal);
std::int64_t byte_count(const TensorEntry& entry, ErrorKind kind = ErrorKind::Internal);

// The values of metadata key "crc32c".
using Checksums = std::map<std::string, std::uint32_t, std::less<>>;

class SafetensorsReader {
 public:
  // Opens the file and checks its whole header, against its checksum where the file has one; nothing in it is
  // trusted. Errors are of `kind` and name path and tensor.
  explicit SafetensorsReader(std::filesystem::path path, ErrorKind kind = ErrorKind::Checkpoint);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<TensorEntry>& entries() const { return entries_; }  // in the order of the file
  const TensorEntry* find(std::string_view name) const;                 // null if not there
  const Metadata& metadata() const { return metadata_; }                // without "crc32c"
  bool has_checksums() const { return checksums_.has_value(); }

  // Reads a whole tensor; bytes.size() must be its size. Compared with its checksum where the file has one.
  void read(std::string_view name, std::span<std::byte> bytes) const;

  // Checksum of the bytes in the file.
  std::uint32_t crc32c(std::string_view name) const;

  // Compares the checksum of every tensor; names the first damaged one. A file without checksums is an error.
  void verify() const;

 private:
  void check_header() const;
  std::size_t index_of(std::string_view name) const;
  void read_chunk(std::size_t index, std::int64_t offset, std::span<std::byte> bytes) const;
  void compare(std::size_t index, std::uint32_t actual) const;

  std::filesystem::path path_;
  ErrorKind kind_;
  FileDescriptor file_;
  std::vector<TensorEntry> entries_;
  std::vector<std::int64_t> offsets_;  // of each entry's first byte in the file
  std::map<std::string, std::size_t, std::less<>> index_;
  Metadata metadata_;
  std::optional<Checksums> checksums_;
};

// SafetensorsReader(path).verify()
void verify_safetensors(const std::filesystem::path& path);

struct TensorSource {
  TensorEntry entry;
  std::span<const std::byte> bytes;
};

struct SafetensorsOptions {
  SyncPolicy sync = SyncPolicy::Durable;
  bool checksums = false;
};

// Writes the tensors in the given order, as an AtomicFile: `path` holds the old or the new file, whole.
// Names must differ; "crc32c" in the metadata is the writer's own.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorSource> tensors,
                       const Metadata& metadata = {}, const SafetensorsOptions& options = {});

}  // namespace cf
