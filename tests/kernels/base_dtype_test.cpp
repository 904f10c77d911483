#include "kernels/base/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "kernels/base/philox.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

namespace cf {
namespace {

struct HalfFormat {
  using Type = Half;
  static constexpr int kMantissa = 10, kBias = 15;
};
struct BFloat16Format {
  using Type = BFloat16;
  static constexpr int kMantissa = 7, kBias = 127;
};

// The value of a bit pattern, from the definition of the format; infinity reads as the next power of two,
// which is where rounding sees it.
template <class Format>
double value_of(std::uint32_t bits) {
  const auto exponent = static_cast<int>((bits & 0x7fffu) >> Format::kMantissa);
  const auto fraction = static_cast<double>(bits & ((1u << Format::kMantissa) - 1));
  const double significand = (exponent == 0 ? 0.0 : std::ldexp(1.0, Format::kMantissa)) + fraction;
  const double magnitude = std::ldexp(significand, std::max(exponent, 1) - Format::kBias - Format::kMantissa);
  return (bits & 0x8000u) != 0 ? -magnitude : magnitude;
}

template <class Format>
class SixteenBits : public testing::Test {
 protected:
  using Type = typename Format::Type;
  static constexpr std::uint32_t kInfinity = 0x7fffu >> Format::kMantissa << Format::kMantissa;

  static Type of_bits(std::uint32_t bits) {
    Type value;
    value.bits = static_cast<std::uint16_t>(bits);
    return value;
  }
};
using Formats = testing::Types<HalfFormat, BFloat16Format>;
TYPED_TEST_SUITE(SixteenBits, Formats);

TYPED_TEST(SixteenBits, EveryBitPatternHasItsValue) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = TestFixture::of_bits(bits);
    const auto magnitude = bits & 0x7fffu;
    if (magnitude > TestFixture::kInfinity) {
      EXPECT_TRUE(std::isnan(value)) << bits;
    } else if (magnitude == TestFixture::kInfinity) {
      EXPECT_TRUE(std::isinf(value)) << bits;
    } else {
      EXPECT_EQ(static_cast<double>(value), value_of<TypeParam>(bits)) << bits;
    }
    EXPECT_TRUE(std::isnan(value) || std::signbit(value) == (bits >= 0x8000)) << bits;
  }
}

// Rounding never goes down where the argument goes up, so that it is right everywhere if it is right at every
// value of the format, at every midpoint and one float beside each midpoint.
TYPED_TEST(SixteenBits, RoundsToNearestEven) {
  using Value = typename TestFixture::Type;
  for (std::uint32_t bits = 0; bits < TestFixture::kInfinity; ++bits) {
    const double value = value_of<TypeParam>(bits), next = value_of<TypeParam>(bits + 1);
    const auto middle = static_cast<float>((value + next) / 2);
    const auto below = std::nextafter(middle, 0.0f);
    const auto above = std::nextafter(middle, std::numeric_limits<float>::infinity());
    for (const auto sign : {0u, 0x8000u}) {
      const float s = sign == 0 ? 1.0f : -1.0f;
      ASSERT_EQ(Value(s * static_cast<float>(value)).bits, sign | bits);
      ASSERT_EQ(Value(s * middle).bits, sign | (bits + (bits & 1u))) << bits;
      ASSERT_EQ(Value(s * below).bits, sign | bits) << bits;
      ASSERT_EQ(Value(s * above).bits, sign | (bits + 1)) << bits;
    }
  }
}

TYPED_TEST(SixteenBits, InfinityAndNanStayWhatTheyAre) {
  using Value = typename TestFixture::Type;
  constexpr float kInfinite = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Value(kInfinite).bits, TestFixture::kInfinity);
  EXPECT_EQ(Value(-kInfinite).bits, 0x8000u | TestFixture::kInfinity);
  EXPECT_EQ(Value(std::numeric_limits<float>::max()).bits, TestFixture::kInfinity);
  for (const std::uint32_t nan :
       {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffc12345u, 0x7f80ffffu}) {
    const Value narrow(std::bit_cast<float>(nan));
    EXPECT_TRUE(std::isnan(static_cast<float>(narrow))) << std::hex << nan;
    EXPECT_EQ(narrow.bits >> 15, nan >> 31) << std::hex << nan;
  }
}

#ifdef __F16C__
TEST(Half, AgreesWithTheProcessor) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float expected = _cvtsh_ss(half), actual = Half::to_float(half);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual)) << bits;
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(actual), std::bit_cast<std::uint32_t>(expected)) << bits;
    }
  }
  Philox draw(1, Purpose::Test);
  for (int i = 0; i < 2'000'000; ++i) {
    auto bits = draw.bits();
    if (i % 2 == 0) bits = (bits & 0x8fffffffu) | 0x30000000u;  // where halves are finite
    if (i % 8 == 0) bits &= 0xfffff000u;                        // ties
    const auto value = std::bit_cast<float>(bits);
    if (std::isnan(value)) continue;
    ASSERT_EQ(Half::from_float(value), _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT)) << std::hex << bits;
  }
}
#endif

TEST(DType, NamesSizesAndTypes) {
  static_assert(Half(1.0f).bits == 0x3c00 && BFloat16(1.0f).bits == 0x3f80, "constant expressions");
  static_assert(sizeof(Half) == 2 && sizeof(BFloat16) == 2);
  static_assert(kDType<const Half> == DType::Float16 && kDType<std::int64_t> == DType::Int64);
  static_assert(std::is_same_v<Wide<BFloat16>, float> && std::is_same_v<Wide<double>, double>);
  for (const auto& [dtype, name, size, floating] :
       {std::tuple(DType::Float64, "float64", 8, true), std::tuple(DType::Float32, "float32", 4, true),
        std::tuple(DType::Float16, "float16", 2, true), std::tuple(DType::BFloat16, "bfloat16", 2, true),
        std::tuple(DType::UInt8, "uint8", 1, false), std::tuple(DType::Int64, "int64", 8, false)}) {
    EXPECT_EQ(name_of(dtype), name);
    EXPECT_EQ(size_of(dtype), size);
    EXPECT_EQ(is_floating(dtype), floating);
  }
}

}  // namespace
}  // namespace cf
