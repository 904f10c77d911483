// Files that are wrong on purpose or by accident: each is refused with a message of its own.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "framework/state/safetensors_file.h"
#include "tests/data/expect_error.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"
#include "tests/state/safetensors_bytes.h"

namespace cf {
namespace {

struct HostileHeader {
  const char* name;
  std::string header;
  std::vector<std::string_view> words;
  std::size_t data = 8;
};

std::string tensor(const char* dtype, const char* shape, const char* offsets) {
  return concat("{\"dtype\":\"", dtype, "\",\"shape\":", shape, ",\"data_offsets\":", offsets, "}");
}

std::string only_w(const std::string& entry) { return concat("{\"w\":", entry, "}"); }

class HostileSafetensors : public testing::TestWithParam<HostileHeader> {};

TEST_P(HostileSafetensors, IsRefusedWithItsOwnMessage) {
  const ScratchFolder folder;
  const auto& [name, header, words, data] = GetParam();
  write_bytes(folder / "bad.safetensors", safetensors_bytes(header, std::string(data, 'x')));
  try {
    const SafetensorsReader reader(folder / "bad.safetensors");
    ADD_FAILURE() << "read";
  } catch (const Error& error) {
    const std::string_view message = error.what();
    EXPECT_EQ(error.kind(), ErrorKind::Checkpoint);
    EXPECT_NE(message.find("bad.safetensors"), message.npos) << message;
    for (const auto word : words)
      EXPECT_NE(message.find(word), message.npos) << word << " not in: " << message;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileSafetensors,
    testing::Values(
        HostileHeader{"NotJson", "hello, world", {"not valid JSON"}},
        HostileHeader{"Empty", "", {"not valid JSON"}}, HostileHeader{"Array", "[]", {"not a JSON object"}},
        HostileHeader{"Deep", "{\"a\":[[[[", {"nested"}},
        HostileHeader{"DeepObject", R"({"a":{"b":{"c":1}}})", {"nested"}},
        HostileHeader{"NotUtf8", "{\"\xff\":1}", {"not valid JSON"}},
        HostileHeader{"EntryNotObject", R"({"w":7})", {"'w'", "not an object"}},
        HostileHeader{
            "TensorTwice",
            concat("{\"w\":", tensor("F64", "[1]", "[0,8]"), ",\"w\":", tensor("F64", "[1]", "[0,8]"), "}"),
            {"'w' twice"}},
        HostileHeader{"ShapeTwice",
                      R"({"w":{"shape":[1],"dtype":"F64","data_offsets":[0,8],"shape":[2]}})",
                      {"'shape' twice"}},
        HostileHeader{"MetadataTwice", R"({"__metadata__":{"k":"1","k":"2"}})", {"'k' twice"}, 0},
        HostileHeader{"MetadataNotText", R"({"__metadata__":{"k":1}})", {"'k'", "not a string"}, 0},
        HostileHeader{"MetadataNotObject", R"({"__metadata__":"k"})", {"__metadata__", "not an object"}, 0},
        HostileHeader{"NoDtype", R"({"w":{"shape":[1],"data_offsets":[0,8]}})", {"'w'", "no 'dtype'"}},
        HostileHeader{"DtypeNumber",
                      R"({"w":{"dtype":3,"shape":[1],"data_offsets":[0,8]}})",
                      {"'w'", "'dtype'", "type"}},
        HostileHeader{
            "DtypeUnknown", only_w(tensor("F8_E4M3", "[8]", "[0,8]")), {"'w'", "'F8_E4M3'", "not supported"}},
        HostileHeader{"ShapeText", only_w(tensor("F64", "\"1\"", "[0,8]")), {"'w'", "'shape'"}},
        HostileHeader{"ShapeNegative", only_w(tensor("F64", "[-1]", "[0,8]")), {"'w'", "'shape'", "-1"}},
        HostileHeader{"ShapeFraction", only_w(tensor("F64", "[1.0]", "[0,8]")), {"'w'", "'shape'", "1.0"}},
        HostileHeader{"ShapeHuge",
                      only_w(tensor("F64", "[18446744073709551615]", "[0,8]")),
                      {"'w'", "18446744073709551615"}},
        HostileHeader{
            "ShapeOverflow", only_w(tensor("U8", "[4294967296,4294967296,8]", "[0,8]")), {"'w'", "too many"}},
        HostileHeader{
            "BytesOverflow", only_w(tensor("F64", "[2305843009213693953]", "[0,8]")), {"'w'", "too large"}},
        HostileHeader{"SizeMismatch", only_w(tensor("F32", "[3]", "[0,8]")), {"'w'", "8 bytes", "need 12"}},
        HostileHeader{
            "OutOfRange", only_w(tensor("F64", "[2]", "[0,16]")), {"'w'", "[0, 16) of 8", "out of range"}},
        HostileHeader{"Backwards", only_w(tensor("F64", "[1]", "[8,0]")), {"'w'", "out of range"}},
        HostileHeader{"OneOffset", only_w(tensor("F64", "[1]", "[8]")), {"'w'", "must hold 2"}},
        HostileHeader{
            "Overlap",
            concat("{\"v\":", tensor("U8", "[5]", "[0,5]"), ",\"w\":", tensor("U8", "[4]", "[4,8]"), "}"),
            {"'w' overlaps", "'v'"}},
        HostileHeader{
            "Gap",
            concat("{\"v\":", tensor("U8", "[3]", "[0,3]"), ",\"w\":", tensor("U8", "[4]", "[4,8]"), "}"),
            {"1 bytes in front of", "'w'"}},
        HostileHeader{
            "Trailing", concat("{\"v\":", tensor("U8", "[3]", "[0,3]"), "}"), {"5 bytes at the end"}},
        HostileHeader{
            "BadChecksum", R"({"__metadata__":{"crc32c":"{\"w\":\"12\"}"}})", {"crc32c", "'w'", "'12'"}, 0},
        HostileHeader{"ChecksumsNotJson", R"({"__metadata__":{"crc32c":"x"}})", {"crc32c", "JSON"}, 0}),
    [](const auto& parameters) { return parameters.param.name; });

TEST(Safetensors, RefusesHeaderLengthsTheFileCannotHold) {
  const ScratchFolder folder;
  const auto expect_refused = [&](const std::string& bytes, std::string_view word) {
    write_bytes(folder / "f", bytes);
    expect_error(ErrorKind::Checkpoint, {"/f", word}, [&] { SafetensorsReader reader(folder / "f"); });
  };
  expect_refused("", "has 0 bytes");
  expect_refused("1234567", "has 7 bytes");
  expect_refused(safetensors_bytes("{}", "", 3), "claims 3 bytes, at most 2");
  expect_refused(safetensors_bytes("{}", "", std::numeric_limits<std::int64_t>::max()),
                 "claims 9223372036854775807");
  expect_refused(std::string(16, '\xff'), "claims 18446744073709551615 bytes");
}

}  // namespace
}  // namespace cf
