#include "data/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "data/decode.h"
#include "data/files.h"
#include "data/preview.h"
#include "tests/data/expect_error.h"
#include "tests/data/jpeg_writer.h"
#include "tests/data/temporary_folder.h"

namespace cf::data {
namespace {

TEST(Statistics, CountsWhatIsStored) {
  const TemporaryFolder folder;
  folder.write("a/1.jpg", encode_jpeg(test_picture(40, 70, 3, 1), {}));
  folder.write("a/2.jpg", encode_jpeg(test_picture(40, 70, 1, 1), {.progressive = true}));
  folder.write("b/3.jpg", encode_jpeg(test_picture(20, 30, 4, 1), {}));
  write_png(folder / "b/4.png", test_picture(64, 64, 3, 1));
  const auto data = open_dataset(folder.path(), Split::Train);
  for (const int threads : {1, 3, 7}) {
    const DatasetStatistics found = measure(*data, {.threads = threads});
    EXPECT_EQ(found.images, 4);
    EXPECT_EQ(found.per_class, (std::vector<std::int64_t>{2, 2}));
    EXPECT_EQ(found.encodings,
              (std::map<std::string, std::int64_t>{{"JPEG", 2}, {"progressive JPEG", 1}, {"PNG", 1}}));
    EXPECT_EQ(found.colours,
              (std::map<std::string, std::int64_t>{{"YCbCr", 1}, {"grey", 1}, {"CMYK", 1}, {"RGB", 1}}));
    EXPECT_EQ((found.sizes.at({40, 70})), 2);
    EXPECT_EQ(histogram_of_sides(found), (std::map<int, std::int64_t>{{16, 1}, {32, 2}, {64, 1}}));
    EXPECT_FALSE(found.has_moments);
  }
  EXPECT_EQ(measure(*data, {.limit = 3}).images, 3);
  folder.write("b/5.jpg", std::string("\xff\xd8\xff nothing more"));
  const auto broken = open_dataset(folder.path(), Split::Train);
  expect_error(ErrorKind::Data, {"b/5.jpg"}, [&] { measure(*broken, {.threads = 2}); });
}

TEST(Statistics, MomentsEqualTheDefinition) {
  const TemporaryFolder folder;
  const Image a = test_picture(13, 17, 3, 1), b = test_picture(30, 5, 3, 2);
  write_png(folder.write("x/a.png", std::string()), a);
  write_png(folder / "x/b.png", b);
  const auto data = open_dataset(folder.path(), Split::Train);
  const DatasetStatistics found = measure(*data, {.threads = 2, .moments = true});
  for (std::size_t c = 0; c < 3; ++c) {
    double sum = 0, squares = 0, count = 0;
    for (const Image* image : {&a, &b}) {
      for (std::size_t i = c; i < image->pixels.size(); i += 3) sum += image->pixels[i] / 255.0, ++count;
    }
    for (const Image* image : {&a, &b}) {
      for (std::size_t i = c; i < image->pixels.size(); i += 3) {
        squares += (image->pixels[i] / 255.0 - sum / count) * (image->pixels[i] / 255.0 - sum / count);
      }
    }
    EXPECT_NEAR(found.mean[c], sum / count, 1e-12);
    EXPECT_NEAR(found.deviation[c], std::sqrt(squares / count), 1e-12);
  }
}

TEST(Preview, PngHoldsThePixels) {
  const TemporaryFolder folder;
  for (const int channels : {1, 3}) {
    const Image image = test_picture(11, 23, channels, 1);
    write_png(folder / "image.png", image);
    EncodedImage encoded;
    read_image_file(folder / "image.png", encoded);
    Decoder decoder;
    DecodedImage out;
    decoder.decode(encoded, {.channels = channels}, out);
    EXPECT_EQ(out.image.pixels, image.pixels);
  }
  expect_error(ErrorKind::Data, {"nowhere/image.png"},
               [&] { write_png(folder / "nowhere/image.png", test_picture(2, 2, 1, 1)); });
}

TEST(Preview, GridPlacesEveryImage) {
  Batch batch;
  batch.height = 2;
  batch.width = 3;
  batch.channels = 1;
  batch.labels.resize(3);
  for (int i = 0; i < 18; ++i) batch.images.push_back(static_cast<std::uint8_t>(i));
  const Image grid = grid_of(batch, 2);
  EXPECT_EQ(grid.height, 6);
  EXPECT_EQ(grid.width, 8);
  EXPECT_EQ(grid.row(1)[2], 5);
  EXPECT_EQ(grid.row(1)[5], 9);
  EXPECT_EQ(grid.row(4)[0], 12);
  EXPECT_EQ(grid.row(4)[5], grid.row(2)[0]) << "the place of the missing fourth image is background";
}

}  // namespace
}  // namespace cf::data
