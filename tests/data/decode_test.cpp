#include "data/decode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"
#include "tests/data/jpeg_writer.h"
#include "tests/data/stored_image.h"

namespace cf::data {
namespace {

Image decode(const EncodedImage& encoded, int channels) {
  Decoder decoder;
  DecodedImage out;
  decoder.decode(encoded, {.channels = channels}, out);
  return out.image;
}

EncodedImage jpeg(const Image& image, const JpegKind& kind) {
  EncodedImage encoded;
  encoded.encoding = ImageEncoding::Jpeg;
  encoded.bytes = encode_jpeg(image, kind);
  return encoded;
}

const JpegKind kKinds[] = {
    {.horizontal = 1, .vertical = 1},
    {.horizontal = 2, .vertical = 1},
    {.horizontal = 1, .vertical = 2},
    {.horizontal = 2, .vertical = 2},
    {.horizontal = 4, .vertical = 1},
    {.horizontal = 4, .vertical = 2},
    {.progressive = true},
    {.horizontal = 4, .vertical = 2, .progressive = true},
    {.arithmetic = true},
    {.restart_rows = 1},
};

std::string describe(const JpegKind& kind) {
  return concat(kind.horizontal, "x", kind.vertical, kind.progressive ? " progressive" : "",
                kind.arithmetic ? " arithmetic" : "", kind.restart_rows != 0 ? " restarts" : "",
                kind.ycck ? " YCCK" : "");
}

// The .expected.png files are Pillow's convert("RGB") of the same files.
TEST(Decode, EqualsPillow) {
  for (const std::string name :
       {"colour_420.jpg", "colour_440_progressive.jpg", "colour_411_arithmetic.jpg", "grey.jpg", "cmyk.jpg",
        "ycck_420.jpg", "grey_alpha.png", "one_bit.png", "palette.png", "rgba.png"}) {
    const Image expected = decode(load(name.substr(0, name.find('.')) + ".expected.png"), 3);
    const Image image = decode(load(name), 3);
    EXPECT_EQ(image.height, expected.height) << name;
    EXPECT_EQ(image.width, expected.width) << name;
    EXPECT_EQ(image.pixels, expected.pixels) << name;
  }
  for (const std::string name : {"colour_420", "cmyk"}) {
    EXPECT_EQ(decode(load(name + ".jpg"), 1).pixels, decode(load(name + ".expected_grey.png"), 1).pixels)
        << name;
  }
}

TEST(Decode, HeaderSaysWhatIsStored) {
  Decoder decoder;
  const auto expect = [&](const char* name, int channels, std::string_view colours) {
    const ImageHeader header = decoder.header(load(name));
    EXPECT_EQ(header.channels, channels) << name;
    EXPECT_EQ(header.colours, colours) << name;
  };
  expect("grey.jpg", 1, "grey");
  expect("colour_420.jpg", 3, "YCbCr");
  expect("cmyk.jpg", 4, "CMYK");
  expect("ycck_420.jpg", 4, "YCCK");
  expect("palette.png", 3, "palette");
  expect("rgba.png", 4, "RGBA");
  expect("grey_alpha.png", 2, "grey+alpha");
  EXPECT_TRUE(decoder.header(load("colour_440_progressive.jpg")).progressive);
  const ImageHeader header = decoder.header(load("colour_420.jpg"));
  EXPECT_EQ(header.height, 29);
  EXPECT_EQ(header.width, 37);
}

// A decoded crop equals that part of the decoded image, at every scale and for every sampling.
TEST(Decode, CropEqualsTheFullDecode) {
  Philox draw(1, Purpose::Test);
  Decoder decoder;
  DecodedImage full, part;
  for (const int channels : {1, 3, 4}) {
    const Image picture = test_picture(149, 203, channels, 5);
    for (JpegKind kind : kKinds) {
      if (channels != 3 && kind.horizontal > 2) continue;  // grey has no sampling, YCCK none so coarse
      kind.ycck = channels == 4 && kind.vertical == 2;
      const EncodedImage encoded = jpeg(picture, kind);
      for (int i = 0; i < 40; ++i) {
        const int scale = 1 << i % 4;
        DecodeRequest request{.channels = 3, .at_least = {149 / scale, 203 / scale}};
        decoder.decode(encoded, request, full);
        ASSERT_EQ(full.scale, scale);
        PixelBox crop;
        crop.height = scale + static_cast<int>(draw.below(static_cast<std::uint64_t>(150 - scale)));
        crop.width = scale + static_cast<int>(draw.below(static_cast<std::uint64_t>(204 - scale)));
        crop.top = static_cast<int>(draw.below(static_cast<std::uint64_t>(150 - crop.height)));
        crop.left = static_cast<int>(draw.below(static_cast<std::uint64_t>(204 - crop.width)));
        request.crop = crop;
        request.at_least = {crop.height / scale, crop.width / scale};
        decoder.decode(encoded, request, part);
        ASSERT_EQ(part.scale, scale);
        const int top = crop.top / scale, left = crop.left / scale;
        ASSERT_FLOAT_EQ(part.box.left,
                        static_cast<float>(crop.left) / static_cast<float>(scale) - static_cast<float>(left));
        for (int y = 0; y < part.image.height; ++y) {
          const std::uint8_t* expected = full.image.row(top + y) + 3 * left;
          ASSERT_TRUE(std::equal(expected, expected + 3 * part.image.width, part.image.row(y)))
              << describe(kind) << ", " << channels << " channels, scale " << scale << ", row " << y << " of "
              << crop.height << "x" << crop.width << " at " << crop.top << ", " << crop.left;
        }
      }
    }
  }
}

TEST(Decode, ScaleNeverGoesBelowWhatIsNeeded) {
  Decoder decoder;
  DecodedImage out;
  const EncodedImage encoded = jpeg(test_picture(160, 160, 3, 5), {});
  const auto scale_for = [&](PixelBox crop, ImageSize at_least) {
    decoder.decode(encoded, {.channels = 3, .crop = crop, .at_least = at_least}, out);
    EXPECT_GE(out.box.right - out.box.left, static_cast<float>(std::min(at_least.width, crop.width)));
    return out.scale;
  };
  EXPECT_EQ(scale_for({0, 0, 160, 160}, {20, 20}), 8);
  EXPECT_EQ(scale_for({0, 0, 160, 160}, {21, 20}), 4);
  EXPECT_EQ(scale_for({0, 0, 160, 160}, {41, 41}), 2);
  EXPECT_EQ(scale_for({0, 0, 160, 160}, {81, 20}), 1);
  EXPECT_EQ(scale_for({3, 5, 39, 101}, {20, 20}), 1);
  EXPECT_EQ(scale_for({3, 5, 41, 101}, {20, 20}), 2);
  EXPECT_EQ(scale_for({0, 0, 10, 10}, {20, 20}), 1);
}

TEST(Decode, OneDecoderReadsAllKindsInTurn) {
  Decoder decoder;
  DecodedImage out;
  for (int round = 0; round < 2; ++round) {
    for (const char* name : {"colour_420.jpg", "rgba.png", "grey.jpg", "cmyk.jpg", "one_bit.png"}) {
      decoder.decode(load(name), {.channels = 3}, out);
      EXPECT_EQ(out.image.pixels, decode(load(name), 3).pixels) << name;
    }
    EncodedImage broken = load("colour_420.jpg");
    broken.bytes.resize(500);
    EXPECT_THROW(decoder.decode(broken, {}, out), Error);
    EncodedImage raw{
        .encoding = ImageEncoding::Raw, .bytes = {1, 2, 3, 4, 5, 6}, .height = 2, .width = 3, .channels = 1};
    decoder.decode(raw, {.channels = 0, .crop = PixelBox{1, 1, 1, 2}}, out);
    EXPECT_EQ(out.image.pixels, (std::vector<std::uint8_t>{5, 6}));
    decoder.decode(raw, {.channels = 3, .crop = PixelBox{0, 2, 2, 1}}, out);
    EXPECT_EQ(out.image.pixels, (std::vector<std::uint8_t>{3, 3, 3, 6, 6, 6}));
  }
}

TEST(Decode, MissingEndMarkerAndExtraBytesAreRead) {
  for (const JpegKind& kind : kKinds) {
    const EncodedImage whole = jpeg(test_picture(40, 50, 3, 2), kind);
    const Image expected = decode(whole, 3);
    EncodedImage no_end = whole;
    no_end.bytes.resize(no_end.bytes.size() - 2);
    if (kind.arithmetic) {
      EXPECT_THROW(decode(no_end, 3), Error);
    } else {
      EXPECT_EQ(decode(no_end, 3).pixels, expected.pixels) << describe(kind);
    }
    EncodedImage extra = whole;
    extra.bytes.insert(extra.bytes.end(), 100, 0x55);
    EXPECT_EQ(decode(extra, 3).pixels, expected.pixels) << describe(kind);
    EncodedImage inside = whole;  // between the data and the end marker
    inside.bytes.insert(inside.bytes.end() - 2, 10, 0);
    EXPECT_EQ(decode(inside, 3).pixels, expected.pixels) << describe(kind);
  }
}

TEST(Decode, TruncatedFilesAreErrors) {
  for (const JpegKind& kind : kKinds) {
    const EncodedImage whole = jpeg(test_picture(60, 80, 3, 2), kind);
    const std::size_t size = whole.bytes.size();
    for (std::size_t kept = 1; kept < size - 8; kept += 1 + size / 40) {
      EncodedImage part = whole;
      part.bytes.resize(kept);
      expect_error(ErrorKind::Data, {"JPEG"}, [&] { decode(part, 3); });
    }
  }
  const EncodedImage png = load("resize_source.png");
  for (std::size_t kept = 8; kept < png.bytes.size(); kept += 20) {
    EncodedImage part = png;
    part.bytes.resize(kept);
    expect_error(ErrorKind::Data, {"PNG", "truncated"}, [&] { decode(part, 3); });
  }
}

TEST(Decode, FlippedBytesNeverCrash) {
  Philox draw(3, Purpose::Test);
  Decoder decoder(1'000'000);
  DecodedImage out;
  for (const char* name : {"colour_420.jpg", "colour_440_progressive.jpg", "colour_411_arithmetic.jpg",
                           "cmyk.jpg", "palette.png", "resize_source.png"}) {
    const EncodedImage whole = load(name);
    for (int i = 0; i < 300; ++i) {
      EncodedImage bad = whole;
      for (int n = 0; n < 3; ++n)
        bad.bytes[draw.below(bad.bytes.size())] = static_cast<std::uint8_t>(draw.bits());
      try {
        const ImageHeader header = decoder.header(bad);
        decoder.decode(bad,
                       {.channels = 3,
                        .crop = PixelBox{header.height / 3, header.width / 3, 1 + header.height / 3,
                                         1 + header.width / 3}},
                       out);
      } catch (const Error& error) {
        EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::Data)) << error.what();
      }
    }
  }
}

TEST(Decode, DeclaredSizesOverTheLimitAreRefused) {
  Decoder decoder(1000);
  DecodedImage out;
  expect_error(ErrorKind::Data, {"29x37", "1000"}, [&] { decoder.decode(load("colour_420.jpg"), {}, out); });
  EncodedImage huge = load("colour_420.jpg");  // the frame header says 65500 x 65500
  const std::uint8_t frame[] = {0xff, 0xc0};
  const auto at = std::search(huge.bytes.begin(), huge.bytes.end(), std::begin(frame), std::end(frame));
  ASSERT_NE(at, huge.bytes.end());
  for (const int offset : {5, 7}) {
    at[offset] = 0xff;
    at[offset + 1] = 0xdc;
  }
  expect_error(ErrorKind::Data, {"65500x65500", "100000000"}, [&] { decode(huge, 3); });
}

TEST(Decode, RawBytesMustFitTheShape) {
  EncodedImage raw{
      .encoding = ImageEncoding::Raw, .bytes = {1, 2, 3}, .height = 2, .width = 2, .channels = 1};
  expect_error(ErrorKind::Data, {"3 bytes", "4"}, [&] { decode(raw, 1); });
}

}  // namespace
}  // namespace cf::data
