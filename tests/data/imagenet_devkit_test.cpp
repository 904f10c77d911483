#include "data/formats/imagenet_devkit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "data/formats/imagenet_classes.h"
#include "data/formats/imagenet_count.h"
#include "data/formats/mat5.h"
#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"
#include "tests/data/imagenet_files.h"
#include "tests/data/temporary_folder.h"

namespace cf::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Mat5, ReadsTheSynsets) {
  for (const bool compressed : {false, true}) {
    const MatStructArray array = read_mat_struct_array(miniature_meta_mat(compressed), "synsets");
    EXPECT_EQ(array.fields, (std::vector<std::string>{"ILSVRC2012_ID", "WNID", "words", "gloss",
                                                      "num_children", "children"}));
    ASSERT_EQ(array.elements, 1012u);
    EXPECT_EQ(array.value(999, "ILSVRC2012_ID").numbers, std::vector<double>{1000});
    EXPECT_EQ(array.value(0, "WNID").text, imagenet_classes()[0].id);
    EXPECT_EQ(array.value(1000, "children").numbers, (std::vector<double>{1, 2, 3}));
    EXPECT_TRUE(array.value(3, "children").numbers.empty());
    EXPECT_EQ(array.value(3, "gloss").text, "");
    expect_error(ErrorKind::Data, {"no field ID", "ILSVRC2012_ID, WNID"}, [&] { array.value(0, "ID"); });
    expect_error(ErrorKind::Data, {"no variable synset"},
                 [&] { read_mat_struct_array(miniature_meta_mat(compressed), "synset"); });
  }
}

TEST(Mat5, ATruncatedFileIsRefusedAtEveryLength) {
  for (const bool compressed : {false, true}) {
    const Bytes whole = miniature_meta_mat(compressed);
    for (std::size_t kept = 0; kept < whole.size(); kept += 1 + whole.size() / 300) {
      expect_error(ErrorKind::Data, {}, [&] {
        read_mat_struct_array(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept)),
                              "synsets");
      });
    }
  }
}

TEST(Mat5, DamageNeverCrashes) {
  const Bytes whole = miniature_meta_mat(false);
  Philox draw(1, Purpose::Test);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    Bytes bad = whole;
    // Most of them in the headers, the rest anywhere.
    for (int n = 0; n < 4; ++n)
      bad[draw.below(n < 3 ? 1200 : bad.size())] = static_cast<std::uint8_t>(draw.bits());
    try {
      read_mat_struct_array(bad, "synsets");
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::Data)) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 30);
}

TEST(Mat5, TextThatIsNoneBecomesQuestionMarks) {
  Bytes bad = miniature_meta_mat(false);
  const std::string name = "synsets";
  const auto at = std::search(bad.begin(), bad.end(), name.begin(), name.end());
  ASSERT_NE(at, bad.end());
  *at = 0x8d;  // negative in the signed bytes of a name
  expect_error(ErrorKind::Data, {"no variable synsets"}, [&] { read_mat_struct_array(bad, "synsets"); });
  EXPECT_EQ(read_mat_struct_array(bad, "?ynsets").elements, 1012u);
}

TEST(ImageNetDevkit, TranslatesItsNumbersToClasses) {
  const TemporaryFolder folder;
  write_imagenet_miniature(folder.path(), {.val_images = 30, .side = 8});
  const auto val = folder / "ILSVRC2012_img_val.tar";
  const auto by_kit = open_dataset(val + ":" + (folder / "ILSVRC2012_devkit_t12.tar.gz"), Split::Val);
  ASSERT_EQ(by_kit->size(), 30);
  ASSERT_EQ(by_kit->class_names().size(), 1000u);
  const auto train = open_dataset(folder / "ILSVRC2012_img_train.tar", Split::Train);
  require_same_classes(*train, *by_kit);
  for (int image = 1; image <= 30; ++image) EXPECT_EQ(by_kit->label(image - 1), miniature_val_class(image));
  const auto by_table = open_dataset(val + ":" + (folder / "LOC_val_solution.csv"), Split::Val);
  for (int i = 0; i < 30; ++i) {
    const auto class_of = [&](const Dataset& data) {
      return data.class_names()[static_cast<std::size_t>(data.label(i))];
    };
    EXPECT_EQ(class_of(*by_table), class_of(*by_kit));
  }
}

TEST(ImageNetDevkit, DamageIsNamed) {
  const TemporaryFolder folder;
  const auto expect = [&](const Bytes& kit, std::initializer_list<std::string_view> parts) {
    const auto path = folder.write("kit.tar.gz", kit);
    expect_error(ErrorKind::Data, parts, [&] { read_image_labels(path); });
  };
  const Bytes meta = miniature_meta_mat();
  expect(gzip(devkit_tar(meta, "1\n1001\n")),
         {"kit.tar.gz/ILSVRC2012_validation_ground_truth.txt", "line 2", "1001"});
  expect(gzip(devkit_tar(meta, "1\n2x\n")), {"ground_truth.txt", "line 2", "'2x'"});
  expect(gzip(devkit_tar(meta, "")), {"ground_truth.txt", "no labels"});
  Bytes half = meta;
  half.resize(half.size() / 2);
  expect(gzip(devkit_tar(half, "1\n")), {"kit.tar.gz/meta.mat", "truncated"});
  expect(gzip(tar({{"a/data/meta.mat", meta}})),
         {"kit.tar.gz holds no ILSVRC2012_validation_ground_truth.txt"});
  Bytes cut = gzip(devkit_tar(meta, "1\n"));
  cut.resize(cut.size() - 20);
  expect(cut, {"cannot decompress", "kit.tar.gz", "truncated"});
  folder.write("images.tar", tar({{"1.jpg", Bytes(10)}}));
  expect_error(ErrorKind::Data, {"images.tar holds no meta.mat", "ILSVRC2012_devkit_t12.tar.gz"},
               [&] { read_image_labels(folder / "images.tar"); });
}

// A data set of nothing but classes and a size.
class Counted final : public Dataset {
 public:
  Counted(std::int64_t size, std::size_t classes) : size_(size) {
    for (const auto& c : imagenet_classes().first(classes)) names_.emplace_back(c.id);
  }
  std::int64_t size() const override { return size_; }
  int channels() const override { return 3; }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::int64_t label(std::int64_t) const override { return 0; }
  std::string name(std::int64_t) const override { return ""; }
  void read(std::int64_t, EncodedImage&) const override {}

 private:
  std::int64_t size_;
  std::vector<std::string> names_;
};

TEST(ImageNetCount, IsCheckedWhereTheDataSetIsImageNet) {
  EXPECT_EQ(missing_of_imagenet(Counted(1281167, 1000), "train"), "");
  EXPECT_EQ(missing_of_imagenet(Counted(50000, 1000), "val"), "");
  const std::string one_less = missing_of_imagenet(Counted(1281166, 1000), "here/train");
  for (const char* part : {"here/train", "1281166 images", "1281167", "50000"}) {
    EXPECT_NE(one_less.find(part), std::string::npos) << one_less;
  }
  EXPECT_EQ(missing_of_imagenet(Counted(13000, 10), "imagenette"), "");
  EXPECT_EQ(missing_of_imagenet(Counted(1279867, 999), "train.tar"), "");
  const std::string one_class = missing_of_imagenet(Counted(1279867, 999), "a/ILSVRC2012_img_train.tar");
  EXPECT_NE(one_class.find("999 classes, none of them n15075141 (toilet tissue)"), std::string::npos)
      << one_class;
}

}  // namespace
}  // namespace cf::data
