#include "data/pack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "data/decode.h"
#include "data/files.h"
#include "data/formats/pack.h"
#include "data/preview.h"
#include "data/resize.h"
#include "tests/data/expect_error.h"
#include "tests/data/jpeg_writer.h"
#include "tests/data/temporary_folder.h"

namespace cf::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

// 80 images of two classes, of different sizes and kinds.
void write_images(const TemporaryFolder& folder) {
  for (int i = 0; i < 80; ++i) {
    const Image image = test_picture(20 + i, 90 - i, i % 5 == 0 ? 1 : 3, static_cast<std::uint64_t>(i));
    const std::string name =
        concat("images/", i % 2 == 0 ? "even" : "odd", "/", 100 + i, i % 7 == 0 ? ".png" : ".jpg");
    folder.write(name, encode_jpeg(image, {.progressive = i % 3 == 0}));
    if (i % 7 == 0) write_png(folder / name, image);
  }
}

TEST(PackImport, KeepsTheBytesOfAClassFolder) {
  const TemporaryFolder folder;
  write_images(folder);
  const auto source = open_dataset(folder / "images", Split::Train);
  std::int64_t reported = 0;
  PackOptions options;
  options.source = folder / "images";
  options.on_progress = [&](const Progress& progress) { reported = progress.done; };
  const PackResult result = pack(*source, folder / "a.cfpack", options);
  EXPECT_EQ(result.records, 80);
  EXPECT_EQ(result.resized, 0);
  EXPECT_EQ(reported, 80);
  EXPECT_EQ(static_cast<std::uint64_t>(result.bytes), std::filesystem::file_size(folder / "a.cfpack"));
  const auto packed = open_dataset(folder / "a.cfpack", Split::Train);
  ASSERT_EQ(packed->size(), source->size());
  EXPECT_EQ(packed->class_names(), source->class_names());
  EncodedImage expected, got;
  for (std::int64_t i = 0; i < packed->size(); ++i) {
    source->read(i, expected);
    packed->read(i, got);
    EXPECT_EQ(got.bytes, expected.bytes);
    EXPECT_EQ(got.encoding, expected.encoding);
    EXPECT_EQ(packed->label(i), source->label(i));
  }
  EXPECT_EQ(packed->name(0), folder / "a.cfpack#0 (even/100.png)");
}

TEST(PackImport, ShrinksOnlyWhatIsBiggerAndTheSameForAnyNumberOfThreads) {
  const TemporaryFolder folder;
  write_images(folder);
  const auto source = open_dataset(folder / "images", Split::Train);
  const PackResult result = pack(*source, folder / "one.cfpack", {.shorter_side = 32, .threads = 1});
  EXPECT_GT(result.resized, 20);
  EXPECT_LT(result.resized, 60);
  pack(*source, folder / "three.cfpack", {.shorter_side = 32, .threads = 3});
  EXPECT_EQ(contents(folder / "one.cfpack"), contents(folder / "three.cfpack"));

  const auto packed = open_dataset(folder / "one.cfpack", Split::Train);
  Decoder decoder;
  Resizer resizer;
  DecodedImage before, after;
  EncodedImage encoded;
  for (std::int64_t i = 0; i < packed->size(); ++i) {
    source->read(i, encoded);
    decoder.decode(encoded, {.channels = 3}, before);
    packed->read(i, encoded);
    EXPECT_EQ(decoder.header(encoded).height, encoded.height) << "the index holds the size";
    decoder.decode(encoded, {.channels = 3}, after);
    Image expected = before.image;
    if (std::min(before.image.height, before.image.width) > 32) {
      EXPECT_EQ(std::min(after.image.height, after.image.width), 32);
      resizer.resize(before.image, {after.image.height, after.image.width}, Filter::Bicubic, expected);
    }
    ASSERT_EQ(after.image.height, expected.height);
    ASSERT_EQ(after.image.width, expected.width);
    double error = 0;
    for (std::size_t p = 0; p < expected.pixels.size(); ++p) {
      error += std::abs(expected.pixels[p] - after.image.pixels[p]);
    }
    EXPECT_LT(error / static_cast<double>(expected.pixels.size()), 12) << packed->name(i);
  }
}

TEST(PackImport, BadRecordsThrowOrAreSkippedAndListed) {
  const TemporaryFolder folder;
  write_images(folder);
  folder.write("images/even/150.jpg", std::string("no image at all"));
  folder.write("images/odd/151.jpg", std::string("\xff\xd8\xff no image either"));
  const auto source = open_dataset(folder / "images", Split::Train);
  expect_error(ErrorKind::Data, {"even/150.jpg"},
               [&] { pack(*source, folder / "a.cfpack", {.threads = 2}); });
  EXPECT_FALSE(std::filesystem::exists(folder / "a.cfpack"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a.cfpack.partial"));
  const PackResult result = pack(*source, folder / "a.cfpack", {.threads = 2, .skip_bad = true});
  EXPECT_EQ(result.records, 78);
  ASSERT_EQ(result.skipped.size(), 2u);
  EXPECT_NE(result.skipped[1].message.find("odd/151.jpg"), std::string::npos);
  EXPECT_EQ(open_dataset(folder / "a.cfpack", Split::Train)->size(), 78);
}

TEST(PackImport, RefusesOptionsOutOfRange) {
  const auto source = open_dataset("synthetic:samples=4", Split::Train);
  const TemporaryFolder folder;
  expect_error(ErrorKind::Usage, {"quality is 0"},
               [&] { pack(*source, folder / "a.cfpack", {.quality = 0}); });
  expect_error(ErrorKind::Usage, {"threads is 0"},
               [&] { pack(*source, folder / "a.cfpack", {.threads = 0}); });
  expect_error(ErrorKind::Data, {"nowhere/a.cfpack.partial", "No such file"},
               [&] { pack(*source, folder / "nowhere/a.cfpack", {}); });
}

TEST(PackImport, HoldsRawImages) {
  const auto source = open_dataset("synthetic:samples=100,size=8,channels=1", Split::Train);
  const TemporaryFolder folder;
  pack(*source, folder / "a.cfpack", {.threads = 2});
  const auto packed = open_dataset(folder / "a.cfpack", Split::Train);
  EXPECT_EQ(packed->channels(), 1);
  EncodedImage expected, got;
  for (std::int64_t i = 0; i < 100; ++i) {
    source->read(i, expected);
    packed->read(i, got);
    EXPECT_EQ(got.bytes, expected.bytes);
    EXPECT_EQ(got.height, 8);
  }
}

TEST(Verify, ListsEveryBadRecordWithItsReason) {
  const TemporaryFolder folder;
  write_images(folder);
  Bytes cut = contents(folder / "images/odd/101.jpg");
  cut.resize(cut.size() / 2);
  folder.write("images/odd/101.jpg", cut);
  folder.write("images/even/150.jpg", std::string("no image at all"));
  const auto data = open_dataset(folder / "images", Split::Train);
  for (const int threads : {1, 3}) {
    const auto bad = verify(*data, threads);
    ASSERT_EQ(bad.size(), 2u);
    EXPECT_EQ(data->name(bad[0].sample), folder / "images/even/150.jpg");
    EXPECT_NE(bad[0].message.find("neither JPEG nor PNG"), std::string::npos);
    EXPECT_EQ(data->name(bad[1].sample), folder / "images/odd/101.jpg");
    EXPECT_NE(bad[1].message.find("odd/101.jpg: cannot decode JPEG"), std::string::npos) << bad[1].message;
  }
}

}  // namespace
}  // namespace cf::data
