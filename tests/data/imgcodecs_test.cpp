// Formats beside JPEG and PNG, in builds with and without OpenCV imgcodecs.
#include "data/formats/imgcodecs.h"

#include <gtest/gtest.h>

#include "data/files.h"
#include "data/formats/image_size.h"
#include "data/formats/pack.h"
#include "tests/data/expect_error.h"
#include "tests/data/stored_image.h"
#include "tests/data/temporary_folder.h"

namespace cf::data {
namespace {

constexpr ImageSize kGradientSize{9, 13};

struct Stored {
  const char* name;
  ImageEncoding encoding;
  bool lossless;
};
constexpr Stored kFiles[] = {{"gradient.webp", ImageEncoding::WebP, true},
                             {"gradient_extended.webp", ImageEncoding::WebP, true},
                             {"gradient_lossy.webp", ImageEncoding::WebP, false},
                             {"gradient.bmp", ImageEncoding::Bmp, true},
                             {"gradient.tif", ImageEncoding::Tiff, true},
                             {"gradient_packed.tif", ImageEncoding::Tiff, true}};

// As tests/files/data/make_gradients.py draws it.
std::vector<std::uint8_t> gradient() {
  std::vector<std::uint8_t> pixels;
  for (int y = 0; y < kGradientSize.height; ++y) {
    for (int x = 0; x < kGradientSize.width; ++x) {
      for (int c = 0; c < 3; ++c)
        pixels.push_back(static_cast<std::uint8_t>((7 * x + 11 * y + 50 * c) % 256));
    }
  }
  return pixels;
}

TEST(ImageSize, IsReadFromEveryKindOfHeader) {
  for (const Stored& file : kFiles) {
    const EncodedImage image = load(file.name);
    EXPECT_EQ(image.encoding, file.encoding) << file.name;
    EXPECT_EQ(size_in_header(image.encoding, image.bytes), kGradientSize) << file.name;
  }
  std::vector<std::uint8_t> bmp = load("gradient.bmp").bytes;
  for (std::size_t i = 22; i < 26; ++i) bmp[i] = static_cast<std::uint8_t>(~bmp[i]);
  ++bmp[22];
  EXPECT_EQ(size_in_header(ImageEncoding::Bmp, bmp), kGradientSize)
      << "rows downwards: the height is negative";
  const std::vector<std::uint8_t> os2{'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 13, 0, 9, 0};
  EXPECT_EQ(size_in_header(ImageEncoding::Bmp, os2), kGradientSize);
  const std::vector<std::uint8_t> big_endian{'M', 'M', 0,  42, 0, 0, 0, 8, 0, 2, 1, 0, 0, 3, 0, 0, 0,
                                             1,   0,   13, 0,  0, 1, 1, 0, 4, 0, 0, 0, 1, 0, 0, 0, 9};
  EXPECT_EQ(size_in_header(ImageEncoding::Tiff, big_endian), kGradientSize);
}

TEST(ImageSize, ACutHeaderIsAnErrorAndNeverAnotherSize) {
  for (const Stored& file : kFiles) {
    const EncodedImage whole = load(file.name);
    int refused = 0;
    for (std::size_t kept = 12; kept < whole.bytes.size(); ++kept) {
      const std::vector<std::uint8_t> cut(whole.bytes.begin(),
                                          whole.bytes.begin() + static_cast<std::ptrdiff_t>(kept));
      try {
        EXPECT_EQ(size_in_header(whole.encoding, cut), kGradientSize) << file.name;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Data) << error.what();
        ++refused;
      }
    }
    EXPECT_GT(refused, 8) << file.name;
  }
}

TEST(Imgcodecs, DecodesWhereBuiltInElseNamesTheComponent) {
  Decoder decoder;
  DecodedImage out;
  for (const Stored& file : kFiles) {
    const EncodedImage image = load(file.name);
    const std::string format(name_of(file.encoding));
    if (imgcodecs_version().empty()) {
      const std::initializer_list<std::string_view> words{format, "OpenCV imgcodecs",
                                                          "libopencv-imgcodecs-dev"};
      expect_error(ErrorKind::Data, words, [&] { decoder.header(image); });
      expect_error(ErrorKind::Data, words, [&] { decoder.decode(image, {}, out); });
      continue;
    }
    EXPECT_EQ(decoder.header(image).channels, 3);
    decoder.decode(image, {}, out);
    ASSERT_EQ(out.image.pixels.size(), gradient().size()) << file.name;
    EXPECT_TRUE(!file.lossless || out.image.pixels == gradient()) << file.name;
    expect_error(ErrorKind::Data, {"9x13 pixels", "limit of 100"}, [&] { Decoder(100).header(image); });
    EncodedImage cut = image;
    cut.bytes.resize(cut.bytes.size() * 2 / 3);
    expect_error(ErrorKind::Data, {}, [&] { decoder.decode(cut, {}, out); });
  }
}

TEST(Imgcodecs, PacksKeepTheEncoding) {
  const TemporaryFolder folder;
  PackWriter writer(folder / "a.cfpack",
                    {.class_names = {"a"}, .class_ids = {}, .channels = 3, .source = ""});
  for (const Stored& file : kFiles) writer.add(load(file.name), kGradientSize, 0, file.name);
  writer.finish();
  const auto pack = open_pack(folder / "a.cfpack", 0);
  EncodedImage image;
  for (std::int64_t i = 0; i < pack->size(); ++i) {
    pack->read(i, image);
    EXPECT_EQ(image.encoding, kFiles[i].encoding);
    EXPECT_EQ(image.bytes, load(kFiles[i].name).bytes);
  }
}

TEST(Imgcodecs, FoldersHoldTheseFilesToo) {
  const TemporaryFolder folder;
  for (const char* name : {"a/1.webp", "a/2.BMP", "a/3.tif", "a/4.tiff"})
    folder.write(name, std::string("II*\0", 4));
  for (const char* name : {"a/5.ti", "a/6.gif", "a/webp"}) folder.write(name, std::string("no image"));
  EXPECT_EQ(open_dataset(folder.path(), Split::Train)->size(), 4);
}

}  // namespace
}  // namespace cf::data
