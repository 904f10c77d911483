#include "data/formats/pack.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/files.h"
#include "data/formats/pack_layout.h"
#include "kernels/base/crc32c.h"
#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"
#include "tests/data/jpeg_writer.h"
#include "tests/data/temporary_folder.h"

namespace cf::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

PackDescription description() {
  return {.class_names = {"ant", "bee", "cat"},
          .class_ids = {"n01", "n02", "n03"},
          .channels = 3,
          .source = "a test"};
}

EncodedImage jpeg(std::uint64_t seed) {
  EncodedImage image;
  image.encoding = ImageEncoding::Jpeg;
  image.bytes = encode_jpeg(test_picture(10, 12, 3, seed), {});
  return image;
}

std::string write_pack(const TemporaryFolder& folder) {
  PackWriter writer(folder / "test.cfpack", description());
  for (int i = 0; i < 5; ++i) {
    writer.add(jpeg(static_cast<std::uint64_t>(i)), {10, 12}, i % 3, concat("folder/", i, ".jpg"));
  }
  writer.add({.encoding = ImageEncoding::Raw, .bytes = {1, 2, 3, 4}, .height = 2, .width = 2, .channels = 1},
             {2, 2}, 2, "raw");
  writer.finish();
  return folder / "test.cfpack";
}

TEST(Pack, HoldsWhatWasPutIn) {
  const TemporaryFolder folder;
  const std::string path = write_pack(folder);
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  const auto data = open_dataset(path, Split::Val);
  ASSERT_EQ(data->size(), 6);
  EXPECT_EQ(data->channels(), 3);
  EXPECT_EQ(data->class_names(), description().class_ids);
  EncodedImage image;
  for (int i = 0; i < 5; ++i) {
    data->read(i, image);
    EXPECT_EQ(image.encoding, ImageEncoding::Jpeg);
    EXPECT_EQ(image.bytes, jpeg(static_cast<std::uint64_t>(i)).bytes);
    EXPECT_EQ(data->label(i), i % 3);
  }
  data->read(5, image);
  EXPECT_EQ(image.encoding, ImageEncoding::Raw);
  EXPECT_EQ(image.bytes, (Bytes{1, 2, 3, 4}));
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.channels, 1);
  EXPECT_EQ(data->name(3), path + "#3 (folder/3.jpg)");
  const PackDescription read = read_pack_description(path);
  EXPECT_EQ(read.class_names, description().class_names);
  EXPECT_EQ(read.class_ids, description().class_ids);
  EXPECT_EQ(read.source, "a test");
  EXPECT_EQ(open_dataset(DatasetSource{path, 1}, Split::Train)->channels(), 1);
}

TEST(Pack, AnUnfinishedPackLeavesNothingAndTheOldOneAlone) {
  const TemporaryFolder folder;
  const std::string path = write_pack(folder);
  const Bytes before = contents(path);
  {
    PackWriter writer(path, description());
    writer.add(jpeg(1), {10, 12}, 0, "x");
    expect_error(ErrorKind::Data, {".partial", "another process"},
                 [&] { PackWriter second(path, description()); });
  }
  EXPECT_EQ(contents(path), before);
  folder.write("test.cfpack.partial", std::string("left by a crash"));
  EXPECT_EQ(contents(write_pack(folder)), before);
  expect_error(ErrorKind::Data, {"no records"},
               [&] { PackWriter(folder / "empty.cfpack", description()).finish(); });
  EXPECT_FALSE(std::filesystem::exists(folder / "empty.cfpack.partial"));
}

TEST(Pack, ATruncatedPackIsRefusedAtEveryLength) {
  const TemporaryFolder folder;
  const Bytes whole = contents(write_pack(folder));
  for (std::size_t kept = 8; kept < whole.size(); kept += 37) {
    const std::string path =
        folder.write("cut.cfpack", Bytes(whole.begin(), whole.begin() + static_cast<long>(kept)));
    expect_error(ErrorKind::Data, {"cut.cfpack"}, [&] { open_pack(path, 0); });
  }
  Bytes longer = whole;
  longer.push_back(0);
  expect_error(ErrorKind::Data, {"bytes added"}, [&] { open_pack(folder.write("long.cfpack", longer), 0); });
}

// Every byte is covered by some checksum: a flipped one is found when opening or when reading its record.
TEST(Pack, AFlippedByteIsFoundWhereverItIs) {
  const TemporaryFolder folder;
  const Bytes whole = contents(write_pack(folder));
  Philox draw(1, Purpose::Test);
  for (std::size_t at = 8; at < whole.size(); at += 1 + draw.below(12)) {
    Bytes bad = whole;
    bad[at] ^= static_cast<std::uint8_t>(1u << draw.below(8));
    const std::string path = folder.write("bad.cfpack", bad);
    expect_error(ErrorKind::Data, {"bad.cfpack"}, [&] {
      const auto data = open_pack(path, 0);
      EncodedImage image;
      for (std::int64_t i = 0; i < data->size(); ++i) data->read(i, image);
    });
  }
}

// An index that was written wrong, not damaged: all checksums are right.
TEST(Pack, ARecordPastTheEndIsRefused) {
  const TemporaryFolder folder;
  const Bytes whole = contents(write_pack(folder));
  PackHeader header{};
  std::memcpy(&header, whole.data(), sizeof header);
  const std::span bytes_of_index(whole.data() + header.index_offset, whole.size() - header.index_offset);
  const auto open_with = [&](const auto& change) {
    Bytes bytes = whole;
    std::vector<PackEntry> entries(header.records);
    std::memcpy(entries.data(), bytes_of_index.data(), bytes_of_index.size());
    change(entries[3]);
    std::memcpy(bytes.data() + header.index_offset, entries.data(), bytes_of_index.size());
    PackHeader changed = header;
    changed.index_crc = crc32c(std::as_bytes(std::span(entries)));
    changed.header_crc = crc32c(std::as_bytes(std::span(&changed, 1)).first(sizeof changed - 4));
    std::memcpy(bytes.data(), &changed, sizeof changed);
    open_pack(folder.write("wrong.cfpack", bytes), 0);
  };
  open_with([](PackEntry&) {});
  const auto refuse = [&](const std::string& words, const auto& change) {
    expect_error(ErrorKind::Data, {"wrong.cfpack#3", words}, [&] { open_with(change); });
  };
  const std::string outside = "outside the file's records";
  refuse(outside, [&](PackEntry& e) { e.offset = header.description_offset - e.image_bytes; });
  refuse(outside, [](PackEntry& e) { e.offset = std::numeric_limits<std::uint64_t>::max(); });
  refuse(outside, [](PackEntry& e) { e.image_bytes = std::numeric_limits<std::uint32_t>::max(); });
  refuse(outside, [](PackEntry& e) { e.offset = 0; });
  refuse("label 3", [](PackEntry& e) { e.label = 3; });
  refuse("encoding 9", [](PackEntry& e) { e.encoding = 9; });
}

TEST(Pack, AFileCutWhileOpenIsAnErrorThatNamesTheRecord) {
  const TemporaryFolder folder;
  const std::string path = write_pack(folder);
  const auto data = open_pack(path, 0);
  std::filesystem::resize_file(path, 1000);
  EncodedImage image;
  expect_error(ErrorKind::Data, {path, "ends before byte"}, [&] { data->read(4, image); });
  EXPECT_EQ(data->name(4), path + "#4 (?)");
}

TEST(Pack, AnotherVersionSaysSo) {
  const TemporaryFolder folder;
  Bytes bytes = contents(write_pack(folder));
  bytes[8] = 2;
  expect_error(ErrorKind::Data, {"version 2", "version 1"},
               [&] { open_pack(folder.write("next.cfpack", bytes), 0); });
  EXPECT_FALSE(is_pack(folder.write("other", std::string("no pack at all"))));
}

// A limit on the size of files stands for the end of the disk.
TEST(Pack, AFailedWriteNamesTheFileAndLeavesNothing) {
  const TemporaryFolder folder;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    write_pack(folder);
  } catch (const Error& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("cannot write " + (folder / "test.cfpack.partial")), std::string::npos) << message;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace cf::data
