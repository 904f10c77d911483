// CRC32C (Castagnoli polynomial 0x1EDC6F41, reflected, as in iSCSI, RFC 3720 B.4): the checksum of
// tensors in a checkpoint and of records in a pack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cf {

// The checksum of `bytes`; `previous` is the checksum of what came before: crc32c(b, crc32c(a)) is that of
// ab.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t previous = 0);

// The same by table, on processors whose instruction set (chosen at compile time) lacks SSE4.2.
std::uint32_t crc32c_by_table(std::span<const std::byte> bytes, std::uint32_t previous = 0);

}  // namespace cf
