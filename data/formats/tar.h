// Tar archives, read in place: where the members' bytes lie.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/file_descriptor.h"

namespace cf::data {

struct TarMember {
  std::string name;
  std::uint64_t offset, bytes;  // of its contents in the file
};

// Called with the offset of about every 1,000th header that was read.
using OnMember = std::function<void(std::uint64_t offset)>;

// The regular files of the archive in bytes [begin, end) of a file (a whole file, or an archive inside
// another), in the order stored. Knows ustar, GNU long names, pax path and size. A damaged or truncated
// archive is a Data error naming file and offset.
std::vector<TarMember> list_tar(const FileDescriptor& file, std::uint64_t begin, std::uint64_t end,
                                const OnMember& on_member = {});

// The same for an archive in memory, which errors call `name`.
std::vector<TarMember> list_tar(std::span<const std::uint8_t> archive, const std::string& name);

// Whether a file begins with a tar header.
bool is_tar(const std::string& path);

}  // namespace cf::data
