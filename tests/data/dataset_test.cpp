#include "data/dataset.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "data/decode.h"
#include "data/files.h"
#include "data/formats/imagenet_classes.h"
#include "tests/data/expect_error.h"
#include "tests/data/jpeg_writer.h"
#include "tests/data/temporary_folder.h"

namespace cf::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes picture() { return encode_jpeg(test_picture(8, 9, 3, 1), {}); }

Bytes idx(std::vector<std::uint32_t> extents, const Bytes& values) {
  Bytes bytes{0, 0, 8, static_cast<std::uint8_t>(extents.size())};
  for (const std::uint32_t extent : extents) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(extent >> shift));
  }
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

Bytes counting(std::size_t size) {
  Bytes values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<std::uint8_t>(i);
  return values;
}

void write_gzip(const std::string& path, const Bytes& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

void write_idx_pair(const TemporaryFolder& folder, const std::string& prefix, const Bytes& labels) {
  const auto count = static_cast<std::uint32_t>(labels.size());
  folder.write(prefix + "-images-idx3-ubyte", idx({count, 2, 3}, counting(labels.size() * 6)));
  folder.write(prefix + "-labels-idx1-ubyte", idx({count}, labels));
}

Bytes cifar_record(const Bytes& labels, std::uint8_t first) {
  Bytes record = labels;
  for (int i = 0; i < 3 * 1024; ++i) record.push_back(static_cast<std::uint8_t>(first + i / 1024));
  return record;
}

void expect_data_error(const std::string& path, Split split, std::initializer_list<std::string_view> parts) {
  expect_error(ErrorKind::Data, parts, [&] { open_dataset(path, split); });
}

TEST(ClassFolder, SortsClassesAndFindsImagesOfAnyEndingAtAnyDepth) {
  const TemporaryFolder folder;
  folder.write("zebra/b.JPEG", picture());
  folder.write("zebra/deeper/a.jpg", picture());
  folder.write("ant/c.PnG", picture());
  folder.write("ant/notes.txt", std::string("no image"));
  folder.write("ant/.hidden.jpg", std::string("no image"));
  folder.write("ant/.checkpoints/c.png", picture());
  folder.write(".cache/x.jpg", picture());
  const auto data = open_dataset(folder.path(), Split::Val);
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"ant", "zebra"}));
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(data->channels(), 3);
  EXPECT_EQ(data->name(0), folder / "ant/c.PnG");
  EXPECT_EQ(data->name(1), folder / "zebra/b.JPEG");
  EXPECT_EQ(data->name(2), folder / "zebra/deeper/a.jpg");
  EXPECT_EQ(data->label(0), 0);
  EXPECT_EQ(data->label(2), 1);
  EncodedImage encoded;
  data->read(0, encoded);
  EXPECT_EQ(encoded.encoding, ImageEncoding::Jpeg) << "by the bytes, not by the name";
  EXPECT_EQ(encoded.bytes, picture());
  EXPECT_EQ(open_dataset(DatasetSource{folder.path(), 1}, Split::Train)->channels(), 1);
}

TEST(ClassFolder, SplitsNumberTheClassesAlike) {
  const TemporaryFolder folder;
  for (const char* name : {"train/a/1.jpg", "train/b/1.jpg", "train/c/1.jpg", "val/c/2.jpg", "val/a/2.jpg"}) {
    folder.write(name, picture());
  }
  const auto train = open_dataset(folder.path(), Split::Train);
  const auto val = open_dataset(folder.path(), Split::Val);
  EXPECT_EQ(train->size(), 3);
  ASSERT_EQ(val->size(), 2);
  EXPECT_EQ(val->label(1), 2);
  require_same_classes(*train, *val);
  expect_error(ErrorKind::Data, {"class 1", "'b'", "'c'"},
               [&] { require_same_classes(*train, *open_dataset(folder / "val", Split::Val)); });
  folder.write("val/stranger/3.jpg", picture());
  expect_data_error(folder.path(), Split::Val, {"val/stranger", "3 classes"});
}

TEST(ClassFolder, WrongLayoutsSayWhatIsWanted) {
  const TemporaryFolder folder;
  expect_data_error(folder / "nowhere", Split::Train, {"nowhere", "does not exist"});
  expect_data_error(folder.path(), Split::Train, {folder.path(), "one folder per class"});
  folder.write("1.jpg", picture());
  folder.write("2.JPEG", picture());
  expect_data_error(folder.path(), Split::Train, {folder.path(), "2 images", "no class folders", "<class>"});
  expect_data_error(folder / "1.jpg", Split::Train, {"1.jpg is a file"});
  folder.write("full/1.jpg", picture());
  std::filesystem::create_directory(folder / "hollow");
  expect_data_error(folder.path(), Split::Train, {"class folder", "hollow", "no image"});
  const TemporaryFolder other;
  other.write("train/a/1.jpg", picture());
  expect_data_error(other.path(), Split::Val, {"train/", "not val/"});
  other.write("val/1.jpg", picture());
  expect_data_error(other.path(), Split::Val, {"val holds 1 images", "no class folders"});
}

TEST(ClassFolder, AFileThatIsNoImageIsNamed) {
  const TemporaryFolder folder;
  folder.write("a/1.jpg", std::string("this is no image"));
  const auto data = open_dataset(folder.path(), Split::Train);
  EncodedImage encoded;
  expect_error(ErrorKind::Data, {"a/1.jpg", "neither JPEG nor PNG"}, [&] { data->read(0, encoded); });
  std::filesystem::remove(folder / "a/1.jpg");
  expect_error(ErrorKind::Data, {"a/1.jpg", "No such file"}, [&] { data->read(0, encoded); });
}

TEST(Idx, ReadsPlainAndGzip) {
  const TemporaryFolder folder;
  write_idx_pair(folder, "train", {7, 0, 9});
  write_gzip(folder / "t10k-images-idx3-ubyte.gz", idx({2, 2, 3}, counting(12)));
  write_gzip(folder / "t10k-labels-idx1-ubyte.gz", idx({2}, {4, 5}));
  const auto train = open_dataset(folder.path(), Split::Train);
  ASSERT_EQ(train->size(), 3);
  EXPECT_EQ(train->channels(), 1);
  EXPECT_EQ(train->label(2), 9);
  EXPECT_EQ(train->class_names()[7], "7");
  EXPECT_EQ(train->name(2), folder / "train-labels-idx1-ubyte#2");
  EncodedImage image;
  train->read(1, image);
  EXPECT_EQ(image.encoding, ImageEncoding::Raw);
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.bytes, (Bytes{6, 7, 8, 9, 10, 11}));
  const auto val = open_dataset(folder.path(), Split::Val);
  ASSERT_EQ(val->size(), 2);
  EXPECT_EQ(val->label(0), 4);
  EXPECT_EQ(open_dataset(folder / "t10k", Split::Train)->size(), 2) << "a prefix names one pair";
}

TEST(Idx, ClassNamesComeFromTheFolderOrAFile) {
  const TemporaryFolder folder;
  write_idx_pair(folder, "Fashion-MNIST/train", {9});
  EXPECT_EQ(open_dataset(folder / "Fashion-MNIST", Split::Train)->class_names()[9], "Ankle boot");
  write_idx_pair(folder, "letters/train", {0, 11});
  expect_data_error(folder / "letters", Split::Train,
                    {"train-labels-idx1-ubyte#1", "label 11", "10 classes"});
  folder.write("letters/classes.txt", std::string("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n"));
  EXPECT_EQ(open_dataset(folder / "letters", Split::Train)->class_names()[11], "l");
  folder.write("letters/classes.txt", std::string("a\n\nc\n"));
  expect_data_error(folder / "letters", Split::Train, {"classes.txt:2", "empty line"});
}

TEST(Idx, WrongFilesSayWhichNumbersDisagree) {
  const TemporaryFolder folder;
  write_idx_pair(folder, "train", {1, 2, 3});
  expect_data_error(folder.path(), Split::Val, {"t10k"});
  folder.write("train-labels-idx1-ubyte", idx({2}, {1, 2}));
  expect_data_error(folder.path(), Split::Train, {"3 images", "2 labels"});
  folder.write("train-labels-idx1-ubyte", idx({3}, {1, 2}));
  expect_data_error(folder.path(), Split::Train, {"declares 3 bytes", "has 2"});
  folder.write("train-labels-idx1-ubyte", idx({3, 1}, {1, 2, 3}));
  expect_data_error(folder.path(), Split::Train, {"train-labels", "magic number is 2050", "2049"});
  folder.write("train-labels-idx1-ubyte", Bytes{0, 0, 8});
  expect_data_error(folder.path(), Split::Train, {"3 bytes", "has 8"});
  std::filesystem::remove(folder / "train-labels-idx1-ubyte");
  expect_data_error(folder.path(), Split::Train, {"not its labels"});
  folder.write("train-labels-idx1-ubyte", idx({3}, {1, 2, 3}));
  folder.write("train-images-idx3-ubyte", idx({3, 0, 4000000000u}, {}));
  expect_data_error(folder.path(), Split::Train, {"extent 0", "axis 1"});
}

TEST(Idx, ATruncatedGzipIsAnError) {
  const TemporaryFolder folder;
  write_gzip(folder / "whole.gz", counting(5000));
  Bytes bytes;
  read_file(folder / "whole.gz", bytes);
  EXPECT_EQ(read_maybe_gzip(folder / "whole.gz"), counting(5000));
  Bytes half = bytes;
  half.resize(half.size() / 2);
  folder.write("half.gz", half);
  expect_error(ErrorKind::Data, {"half.gz", "truncated"}, [&] { read_maybe_gzip(folder / "half.gz"); });
  bytes[bytes.size() - 6] ^= 1;  // of the checksum
  folder.write("flipped.gz", bytes);
  expect_error(ErrorKind::Data, {"flipped.gz"}, [&] { read_maybe_gzip(folder / "flipped.gz"); });
}

TEST(Cifar, ReadsTenClasses) {
  const TemporaryFolder folder;
  for (int i = 1; i <= 5; ++i) {
    Bytes two = cifar_record({static_cast<std::uint8_t>(i)}, 10);
    const Bytes second = cifar_record({9}, 20);
    two.insert(two.end(), second.begin(), second.end());
    folder.write(concat("cifar-10-batches-bin/data_batch_", i, ".bin"), two);
  }
  const auto data = open_dataset(folder.path(), Split::Train);
  ASSERT_EQ(data->size(), 10);
  EXPECT_EQ(data->label(4), 3);
  EXPECT_EQ(data->class_names()[3], "cat");
  EXPECT_EQ(data->name(5), folder / "cifar-10-batches-bin/data_batch_3.bin#1");
  EncodedImage image;
  data->read(5, image);
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.bytes.size(), 3072u);
  EXPECT_EQ((Bytes{image.bytes.begin() + 3, image.bytes.begin() + 6}), (Bytes{20, 21, 22}));
  expect_data_error(folder.path(), Split::Val, {"test_batch.bin", "No such file"});
  folder.write("cifar-10-batches-bin/data_batch_4.bin", cifar_record({10}, 0));
  expect_data_error(folder.path(), Split::Train, {"data_batch_4.bin#0", "label 10", "10 classes"});
  folder.write("cifar-10-batches-bin/data_batch_4.bin", Bytes(100));
  expect_data_error(folder.path(), Split::Train, {"data_batch_4.bin", "100 bytes", "3073"});
}

TEST(Cifar, ReadsTheFineLabelOfAHundred) {
  const TemporaryFolder folder;
  folder.write("train.bin", cifar_record({19, 99}, 0));
  folder.write("test.bin", cifar_record({3, 42}, 0));
  EXPECT_EQ(open_dataset(folder.path(), Split::Train)->label(0), 99);
  std::string names;
  for (int i = 0; i < 100; ++i) names += concat("name", i, "\n");
  folder.write("fine_label_names.txt", names);
  const auto val = open_dataset(folder.path(), Split::Val);
  EXPECT_EQ(val->class_names()[static_cast<std::size_t>(val->label(0))], "name42");
}

TEST(ImageNetClasses, AreSortedAndReadable) {
  const auto classes = imagenet_classes();
  ASSERT_EQ(classes.size(), 1000u);
  for (std::size_t i = 1; i < classes.size(); ++i) EXPECT_LT(classes[i - 1].id, classes[i].id);
  EXPECT_EQ(readable_class_name("n01440764"), "tench");
  EXPECT_EQ(readable_class_name(classes[999].id), "toilet tissue");
  EXPECT_EQ(readable_class_name("n01440765"), "n01440765");
  EXPECT_EQ(readable_class_name("Sneaker"), "Sneaker");
}

TEST(Synthetic, IsDeterministicAndDiffersBetweenSplits) {
  const std::string path = "synthetic:classes=3,size=9,channels=3,samples=20";
  const auto train = open_dataset(path, Split::Train), again = open_dataset(path, Split::Train);
  const auto val = open_dataset(path, Split::Val);
  ASSERT_EQ(train->size(), 20);
  EXPECT_EQ(train->class_names().size(), 3u);
  EXPECT_EQ(train->label(5), 2);
  EncodedImage a, b, c;
  train->read(5, a);
  again->read(5, b);
  val->read(5, c);
  EXPECT_EQ(a.bytes.size(), 9u * 9 * 3);
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_NE(a.bytes, c.bytes);
}

// A sample of one class lies nearer to the mean of its class than to that of any other.
TEST(Synthetic, CanBeLearnt) {
  const auto train = open_dataset("synthetic:classes=5,samples=200,size=16", Split::Train);
  const auto val = open_dataset("synthetic:classes=5,samples=50,size=16", Split::Val);
  std::vector<std::vector<double>> means(5, std::vector<double>(16 * 16 * 3));
  EncodedImage image;
  for (std::int64_t i = 0; i < train->size(); ++i) {
    train->read(i, image);
    auto& mean = means[static_cast<std::size_t>(train->label(i))];
    for (std::size_t p = 0; p < mean.size(); ++p) mean[p] += image.bytes[p] / 40.0;
  }
  for (std::int64_t i = 0; i < val->size(); ++i) {
    val->read(i, image);
    std::vector<double> distances;
    for (const auto& mean : means) {
      double sum = 0;
      for (std::size_t p = 0; p < mean.size(); ++p)
        sum += (image.bytes[p] - mean[p]) * (image.bytes[p] - mean[p]);
      distances.push_back(sum);
    }
    EXPECT_EQ(std::min_element(distances.begin(), distances.end()) - distances.begin(), val->label(i));
  }
}

TEST(Synthetic, RefusesUnknownKeysAndWrongValues) {
  const auto expect = [](const std::string& path, std::initializer_list<std::string_view> parts) {
    expect_error(ErrorKind::Usage, parts, [&] { open_dataset(path, Split::Train); });
  };
  expect("synthetic:colours=3", {"'colours'", "classes"});
  expect("synthetic:size=big", {"size is 'big'"});
  expect("synthetic:size", {"size is ''"});
  expect("synthetic:channels=2", {"channels is 2"});
  expect("synthetic:samples=0", {"samples is '0'", "from 1"});
}

}  // namespace
}  // namespace cf::data
