#include "framework/state/metadata.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"

namespace cf {
namespace {

TEST(Metadata, DoublesComeBackExactly) {
  Metadata metadata;
  Philox draw(2, Purpose::Test);
  std::vector<double> values{0.0,
                             -0.0,
                             1.0 / 3,
                             5e-324,
                             std::numeric_limits<double>::max(),
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity()};
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t high = draw.bits();
    values.push_back(std::bit_cast<double>(high << 32 | draw.bits()));
  }
  for (const double value : values) {
    put_double(metadata, "x", value);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(get_double(metadata, "x")));
    } else {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(get_double(metadata, "x")), std::bit_cast<std::uint64_t>(value));
    }
  }
}

TEST(Metadata, IntegersTextAndJsonComeBack) {
  Metadata metadata;
  for (const auto value : {std::numeric_limits<std::int64_t>::min(), std::int64_t{0},
                           std::numeric_limits<std::int64_t>::max()}) {
    put_int(metadata, "step", value);
    EXPECT_EQ(get_int(metadata, "step"), value);
  }
  put_string(metadata, "config", "a = 'b'\n");
  EXPECT_EQ(get_string(metadata, "config"), "a = 'b'\n");
  const nlohmann::json value{{"routes", {"fused", "layers"}}, {"rate", 0.1}};
  put_json(metadata, "routes", value);
  EXPECT_EQ(get_json(metadata, "routes"), value);
}

TEST(Metadata, ErrorsNameTheKey) {
  Metadata metadata{{"step", "12x"}, {"empty", ""}, {"big", "9223372036854775808"}, {"json", "{"}};
  const auto kind = ErrorKind::Checkpoint;
  expect_error(kind, {"'absent' is missing"}, [&] { get_int(metadata, "absent"); });
  expect_error(kind, {"'step'", "'12x'", "integer"}, [&] { get_int(metadata, "step"); });
  expect_error(kind, {"'step'", "'12x'", "number"}, [&] { get_double(metadata, "step"); });
  expect_error(kind, {"'empty'", "integer"}, [&] { get_int(metadata, "empty"); });
  expect_error(kind, {"'big'", "integer"}, [&] { get_int(metadata, "big"); });
  expect_error(kind, {"'json'", "JSON"}, [&] { get_json(metadata, "json"); });
  expect_error(ErrorKind::Internal, {"'text'", "JSON"}, [&] { put_json(metadata, "text", "\xff"); });
}

}  // namespace
}  // namespace cf
