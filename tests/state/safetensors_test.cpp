#include "framework/state/safetensors_file.h"

#include <gtest/gtest.h>

#include <array>

#include "kernels/base/crc32c.h"
#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"
#include "tests/state/safetensors_bytes.h"

namespace cf {
namespace {

// Tensors of random bytes, with their storage.
struct RandomTensors {
  std::vector<std::vector<std::byte>> storage;
  std::vector<TensorSource> sources;

  RandomTensors(std::vector<TensorEntry> entries, std::uint64_t seed) {
    Philox draw(seed, Purpose::Test);
    for (const auto& entry : entries) {
      auto& bytes = storage.emplace_back(static_cast<std::size_t>(byte_count(entry)));
      for (auto& byte : bytes) byte = static_cast<std::byte>(draw.bits());
    }
    for (std::size_t i = 0; i < entries.size(); ++i) sources.push_back({std::move(entries[i]), storage[i]});
  }
};

RandomTensors all_kinds() {
  return {{{"stem.conv.weight", DType::Float32, {8, 3, 2, 2}},
           {"empty", DType::Float16, {0, 7}},
           {"odd bytes", DType::UInt8, {3}},
           {"scalar", DType::Float64, {}},
           {"also empty", DType::Int64, {4, 0, 2}},
           {"half", DType::Float16, {5}},
           {"a.bfloat", DType::BFloat16, {2, 3}},
           {"step \"q\" \\ \n \u00e9", DType::Int64, {1}},
           {"z.empty at the end", DType::Float32, {0}}},
          3};
}

void expect_holds(const SafetensorsReader& reader, const RandomTensors& expected) {
  ASSERT_EQ(reader.entries().size(), expected.sources.size());
  for (std::size_t i = 0; i < expected.sources.size(); ++i) {
    const auto& [entry, bytes] = expected.sources[i];
    EXPECT_EQ(reader.entries()[i], entry) << entry.name;
    std::vector<std::byte> read(bytes.size(), std::byte{0xcd});
    reader.read(entry.name, read);
    EXPECT_TRUE(std::ranges::equal(read, bytes)) << entry.name;
    EXPECT_EQ(reader.crc32c(entry.name), crc32c(bytes));
  }
}

TEST(Safetensors, ReadsBackWhatItWroteInEveryElementType) {
  const ScratchFolder folder;
  const auto tensors = all_kinds();
  const Metadata metadata{{"format", "pt"}, {"config", "a = \"b\"\n"}, {"", "empty key"}};
  for (const bool checksums : {false, true}) {
    const auto path = folder / "all.safetensors";
    write_safetensors(path, tensors.sources, metadata, {SyncPolicy::Cached, checksums});
    const SafetensorsReader reader(path);
    expect_holds(reader, tensors);
    EXPECT_EQ(reader.metadata(), metadata);
    EXPECT_EQ(reader.has_checksums(), checksums);
    EXPECT_EQ(reader.find("nowhere"), nullptr);
    EXPECT_EQ(reader.find("half")->shape, std::vector<std::int64_t>{5});
    if (checksums) verify_safetensors(path);
  }
}

TEST(Safetensors, PadsTheHeaderToAMultipleOfEight) {
  const ScratchFolder folder;
  for (std::size_t length = 1; length <= 16; ++length) {
    const RandomTensors tensors({{std::string(length, 'x'), DType::UInt8, {2}}}, 4);
    write_safetensors(folder / "f", tensors.sources, {}, {SyncPolicy::Cached});
    const auto bytes = read_bytes(folder / "f");
    EXPECT_EQ(static_cast<unsigned char>(bytes[0]) % 8, 0);
    EXPECT_EQ(bytes.size(), 8u + static_cast<unsigned char>(bytes[0]) + 2u);
  }
}

TEST(Safetensors, WritesTheTextOfTheFormat) {
  const ScratchFolder folder;
  const std::array<float, 2> values{1.0f, -2.0f};
  const std::array sources{TensorSource{{"w", DType::Float32, {1, 2}}, std::as_bytes(std::span(values))}};
  write_safetensors(folder / "f", sources, {{"k", "v"}}, {SyncPolicy::Cached});
  const std::string header =
      R"({"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(read_bytes(folder / "f"), safetensors_bytes(padded, std::string("\0\0\x80\x3f\0\0\0\xc0", 8)));
}

// Spaces, another order of keys, tensors not in the order of their names.
TEST(Safetensors, ReadsAFileOfAnotherWriter) {
  const ScratchFolder folder;
  const std::string header =
      R"({"w": {"shape": [2], "data_offsets": [8, 16], "dtype": "F32"}, )"
      R"("label": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]}, "__metadata__": {"format": "pt"}}   )";
  write_bytes(folder / "f",
              safetensors_bytes(header, std::string("\x05\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\xc0", 16)));
  const SafetensorsReader reader(folder / "f");
  EXPECT_EQ(reader.entries()[0], (TensorEntry{"label", DType::Int64, {}}));
  EXPECT_EQ(reader.entries()[1], (TensorEntry{"w", DType::Float32, {2}}));
  EXPECT_EQ(reader.metadata().at("format"), "pt");
  std::int64_t label = 0;
  std::array<float, 2> w{};
  reader.read("label", std::as_writable_bytes(std::span(&label, 1)));
  reader.read("w", std::as_writable_bytes(std::span(w)));
  EXPECT_EQ(label, 5);
  EXPECT_EQ(w, (std::array{1.0f, -2.0f}));
  expect_error(ErrorKind::Checkpoint, {"holds no checksums"}, [&] { reader.verify(); });
}

TEST(Safetensors, ReadRefusesTheWrongSizeAndUnknownNames) {
  const ScratchFolder folder;
  const auto tensors = all_kinds();
  write_safetensors(folder / "f", tensors.sources, {}, {SyncPolicy::Cached});
  const SafetensorsReader reader(folder / "f", ErrorKind::Data);
  std::array<std::byte, 11> bytes;
  expect_error(ErrorKind::Internal, {"'half'", "10", "11"}, [&] { reader.read("half", bytes); });
  expect_error(ErrorKind::Data, {"'nowhere'", "/f"}, [&] { reader.read("nowhere", bytes); });
  expect_error(ErrorKind::Data, {"absent"}, [&] { SafetensorsReader(folder / "absent", ErrorKind::Data); });
  expect_error(ErrorKind::Checkpoint, {"regular file"}, [&] { SafetensorsReader{folder.path()}; });
  expect_error(ErrorKind::Checkpoint, {"regular file"}, [&] { SafetensorsReader{"/dev/zero"}; });
}

TEST(Safetensors, WriterRefusesWhatCouldNotBeRead) {
  const ScratchFolder folder;
  const std::array<std::byte, 8> bytes{};
  const auto expect_refused = [&](const char* word, std::vector<TensorSource> sources,
                                  Metadata metadata = {}) {
    expect_error(ErrorKind::Internal, {word}, [&] { write_safetensors(folder / "f", sources, metadata); });
  };
  expect_refused("'a' is taken", {{{"a", DType::Float64, {1}}, bytes}, {{"a", DType::Float64, {1}}, bytes}});
  expect_refused("'__metadata__' is taken", {{{"__metadata__", DType::Float64, {1}}, bytes}});
  expect_refused("'a' comes with 8", {{{"a", DType::Float32, {3}}, bytes}});
  expect_refused("'a' has a negative", {{{"a", DType::Float32, {-2}}, bytes}});
  expect_refused("cannot be written as JSON", {{{"\xff", DType::Float64, {1}}, bytes}});
  expect_refused("cannot be written as JSON", {}, {{"a", "\xc3"}});
  expect_refused("writer's own", {}, {{"crc32c", "{}"}});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, NamesTheFirstDamagedTensor) {
  const ScratchFolder folder;
  const auto tensors = all_kinds();
  const auto path = folder / "f";
  write_safetensors(path, tensors.sources, {{"step", "12"}}, {SyncPolicy::Cached, true});
  const auto good = read_bytes(path);

  auto damaged = good;
  damaged[good.size() - 1] ^= 1;  // the last non-empty tensor
  write_bytes(path, damaged);
  const auto& last = tensors.sources[7].entry.name;
  expect_error(ErrorKind::Checkpoint, {"/f", "'step \"q\"", "damaged"}, [&] { verify_safetensors(path); });
  std::vector<std::byte> bytes(8);
  expect_error(ErrorKind::Checkpoint, {"damaged"}, [&] { SafetensorsReader(path).read(last, bytes); });

  damaged = good;
  damaged[damaged.find("\"step\":\"12\"") + 8] = '3';
  write_bytes(path, damaged);
  expect_error(ErrorKind::Checkpoint, {"/f", "header is damaged"}, [&] { SafetensorsReader{path}; });
}

// Any change either leaves the content as it was or is found.
TEST(Safetensors, SurvivesRandomDamage) {
  const ScratchFolder folder;
  const auto tensors = all_kinds();
  const Metadata metadata{{"step", "1234"}, {"config", "[train]\nbatch = 8"}};
  const auto path = folder / "f";
  write_safetensors(path, tensors.sources, metadata, {SyncPolicy::Cached, true});
  const auto good = read_bytes(path);
  const std::string_view likely = "{}[]:,\"0129-.eE\\ uFIB";
  Philox draw(5, Purpose::Test);
  int refused = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    auto bytes = good;
    for (auto changes = 1 + draw.below(3); changes > 0; --changes) {
      const auto at = draw.below(bytes.size());
      switch (draw.below(5)) {
        case 0:
          bytes[at] = static_cast<char>(draw.bits());
          break;
        case 1:
          bytes[at] = likely[draw.below(likely.size())];
          break;
        case 2:
          bytes.erase(at, 1 + draw.below(20));
          break;
        case 3:
          bytes.insert(at, bytes.substr(draw.below(bytes.size()), draw.below(20)));
          break;
        default:
          bytes.resize(at + 1);
      }
      if (bytes.empty()) bytes.push_back('x');
    }
    write_bytes(path, bytes);
    try {
      const SafetensorsReader reader(path);
      reader.verify();
      expect_holds(reader, tensors);
      EXPECT_EQ(reader.metadata(), metadata) << "trial " << trial;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1800);
}

}  // namespace
}  // namespace cf
