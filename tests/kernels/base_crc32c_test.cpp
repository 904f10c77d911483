#include "kernels/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/base/philox.h"

namespace cf {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// One bit at a time, from the definition.
std::uint32_t crc32c_by_bits(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const auto byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const auto input = (static_cast<std::uint32_t>(byte) >> bit) & 1u;
      const bool carry = ((crc ^ input) & 1u) != 0;
      crc = (crc >> 1) ^ (carry ? 0x82F63B78u : 0u);
    }
  }
  return ~crc;
}

TEST(Crc32c, GivesTheValuesOfTheStandard) {  // RFC 3720 B.4
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  for (const auto& [text, expected] :
       std::vector<std::pair<std::string, std::uint32_t>>{{"", 0u},
                                                          {"123456789", 0xE3069283u},
                                                          {std::string(32, '\0'), 0x8A9136AAu},
                                                          {std::string(32, '\xff'), 0x62A8AB43u},
                                                          {rising, 0x46DD794Eu},
                                                          {falling, 0x113FDB5Cu}}) {
    EXPECT_EQ(crc32c(bytes_of(text)), expected);
    EXPECT_EQ(crc32c_by_table(bytes_of(text)), expected);
  }
}

TEST(Crc32c, EqualsTheDefinitionForAnyLengthAlignmentAndSplit) {
  Philox draw(1, Purpose::Test);
  std::vector<std::byte> data(600);
  for (auto& byte : data) byte = static_cast<std::byte>(draw.bits());
  for (int trial = 0; trial < 500; ++trial) {
    const auto part = std::span<const std::byte>(data).subspan(draw.below(300), draw.below(300));
    const auto first = part.first(draw.below(part.size() + 1));
    const auto rest = part.subspan(first.size());
    const auto expected = crc32c_by_bits(part);
    EXPECT_EQ(crc32c(part), expected);
    EXPECT_EQ(crc32c_by_table(part), expected);
    EXPECT_EQ(crc32c(rest, crc32c(first)), expected);
    EXPECT_EQ(crc32c_by_table(rest, crc32c_by_table(first)), expected);
  }
}

}  // namespace
}  // namespace cf
