#include "data/formats/archive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "data/formats/image_labels.h"
#include "data/formats/tar.h"
#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"
#include "tests/data/jpeg_writer.h"
#include "tests/data/tar_writer.h"
#include "tests/data/temporary_folder.h"

namespace cf::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes image(std::uint64_t seed) { return encode_jpeg(test_picture(6, 7, 3, seed), {}); }

std::vector<TarMember> list(const std::string& path) {
  const FileDescriptor file = FileDescriptor::for_reading(path);
  return list_tar(file, 0, file.size());
}

TEST(Tar, ListsFilesWithTheirPlaces) {
  const TemporaryFolder folder;
  Bytes archive = tar_member("folder/", {}, '5');
  const auto append = [&](const Bytes& more) { archive.insert(archive.end(), more.begin(), more.end()); };
  append(tar_member("folder/one", bytes_of("1")));
  append(tar_member("link", {}, '2'));
  append(tar_member("two", bytes_of(std::string(513, '2')), '0', "long/prefix"));
  const std::string long_name = std::string(150, 'n') + "/three";
  append(tar_member("././@LongLink", bytes_of(long_name + '\0'), 'L'));
  append(tar_member(long_name.substr(0, 100), bytes_of("333")));
  append(tar_member("PaxHeaders/four", bytes_of("17 path=pax/four\n"), 'x'));
  append(tar_member("four", bytes_of("4")));
  append(tar_member("five", {}, '\0'));
  archive.resize(archive.size() + 1024);
  const auto members = list(folder.write("a.tar", archive));
  ASSERT_EQ(members.size(), 5u);
  EXPECT_EQ(members[0].name, "folder/one");
  EXPECT_EQ(members[1].name, "long/prefix/two");
  EXPECT_EQ(members[1].bytes, 513u);
  EXPECT_EQ(members[2].name, long_name);
  EXPECT_EQ(archive[members[2].offset], '3');
  EXPECT_EQ(members[3].name, "pax/four");
  EXPECT_EQ(archive[members[3].offset], '4');
  EXPECT_EQ(members[4].name, "five");
  EXPECT_TRUE(is_tar(folder / "a.tar"));
  EXPECT_FALSE(is_tar(folder.write("b.tar", Bytes(2000))));
}

TEST(Tar, TellsHowFarItIs) {
  const TemporaryFolder folder;
  Bytes archive;
  for (int i = 0; i < 2500; ++i) {
    const Bytes member = tar_member(concat(i % 2 == 0 ? "even/" : "odd/", i, ".jpg"), {});
    archive.insert(archive.end(), member.begin(), member.end());
  }
  archive.resize(archive.size() + 1024);
  std::vector<std::uint64_t> passed;
  const DatasetSource source{.path = folder.write("a.tar", archive),
                             .on_scan = [&](const ScanProgress& progress) {
                               EXPECT_EQ(progress.total, archive.size());
                               passed.push_back(progress.bytes);
                             }};
  EXPECT_EQ(open_dataset(source, Split::Train)->size(), 2500);
  EXPECT_EQ(passed, (std::vector<std::uint64_t>{1023 * 512, 2047 * 512}));
}

TEST(Tar, DamageIsNamedWithItsPlace) {
  const TemporaryFolder folder;
  const Bytes whole = tar({{"a/1.jpg", Bytes(700)}, {"b/2.jpg", Bytes(100)}});
  for (std::size_t kept = 600; kept <= whole.size() - 1024; kept += 100) {
    const auto path =
        folder.write("cut.tar", Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept)));
    expect_error(ErrorKind::Data, {"cut.tar", "truncated"}, [&] { list(path); });
  }
  Bytes flipped = whole;
  flipped[1536 + 3] ^= 1;
  expect_error(ErrorKind::Data, {"bad.tar: byte 1536", "not a tar header"},
               [&] { list(folder.write("bad.tar", flipped)); });
}

TEST(Tar, FlippedBytesNeverCrash) {
  const TemporaryFolder folder;
  Bytes whole = tar_member("PaxHeaders/x", bytes_of("17 path=pax/four\n11 size=44\n"), 'x');
  const Bytes rest = tar({{"a/1.jpg", Bytes(44)}, {"b/2.jpg", Bytes(100)}});
  whole.insert(whole.end(), rest.begin(), rest.end());
  Philox draw(1, Purpose::Test);
  for (int i = 0; i < 500; ++i) {
    Bytes bad = whole;
    for (int n = 0; n < 3; ++n) bad[draw.below(bad.size())] = static_cast<std::uint8_t>(draw.bits());
    for (const std::size_t header : {0u, 1024u}) {  // a right checksum lets the damage through
      std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(header) + 148, 8, static_cast<std::uint8_t>(' '));
      std::size_t sum = 0;
      for (std::size_t at = header; at < header + 512; ++at) sum += bad[at];
      put_text(bad, header + 148, octal(sum, 6) + '\0');
    }
    try {
      for (const auto& found : list(folder.write("bad.tar", bad)))
        EXPECT_LE(found.offset + found.bytes, bad.size());
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::Data)) << error.what();
    }
  }
}

TEST(Archive, ReadsClassFoldersAtAnyDepthAndSplits) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.tar", tar({{"set/train/zebra/1.jpg", image(1)},
                                               {"set/train/ant/2.JPEG", image(2)},
                                               {"set/train/bee/3.jpg", image(3)},
                                               {"set/readme.txt", bytes_of("text")},
                                               {"set/val/zebra/4.jpg", image(4)}}));
  const auto train = open_dataset(path, Split::Train);
  EXPECT_EQ(train->class_names(), (std::vector<std::string>{"ant", "bee", "zebra"}));
  ASSERT_EQ(train->size(), 3);
  EXPECT_EQ(train->label(0), 2);
  EXPECT_EQ(train->name(1), path + "/set/train/ant/2.JPEG");
  EncodedImage got;
  train->read(1, got);
  EXPECT_EQ(got.bytes, image(2));
  const auto val = open_dataset(path, Split::Val);
  ASSERT_EQ(val->size(), 1);
  EXPECT_EQ(val->label(0), 2);
  require_same_classes(*train, *val);

  const auto plain = folder.write("b.tar", tar({{"./x/1.jpg", image(1)}, {"./y/z/2.jpg", image(2)}}));
  EXPECT_EQ(open_dataset(plain, Split::Train)->class_names(), (std::vector<std::string>{"x", "y"}));
}

TEST(Archive, ReadsTheArchiveOfArchivesOfImageNet) {
  const TemporaryFolder folder;
  const auto path = folder.write("ILSVRC2012_img_train.tar",
                                 tar({{"n02.tar", tar({{"n02_1.JPEG", image(1)}, {"n02_2.JPEG", image(2)}})},
                                      {"n01.tar", tar({{"n01_9.JPEG", image(3)}})}}));
  const auto data = open_dataset(path, Split::Train);
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"n01", "n02"}));
  ASSERT_EQ(data->size(), 3);
  EXPECT_EQ(data->label(1), 1);
  EXPECT_EQ(data->name(2), path + "/n01.tar/n01_9.JPEG");
  EncodedImage got;
  data->read(2, got);
  EXPECT_EQ(got.bytes, image(3));
}

TEST(Archive, FlatImagesNeedLabels) {
  const TemporaryFolder folder;
  const auto path = folder.write("ILSVRC2012_img_val.tar", tar({{"ILSVRC2012_val_00000001.JPEG", image(1)},
                                                                {"ILSVRC2012_val_00000002.JPEG", image(2)}}));
  expect_error(ErrorKind::Data,
               {"2 images", "no class folders", "IMAGES:LABELS", "ILSVRC2012_devkit_t12.tar.gz",
                "LOC_val_solution.csv"},
               [&] { open_dataset(path, Split::Val); });
  const auto labels =
      folder.write("LOC_val_solution.csv",
                   std::string("ImageId,PredictionString\r\nILSVRC2012_val_00000002,n01 1 2 3 4\r\n"
                               "ILSVRC2012_val_00000001,n07 85 1 499 272 n07 1 1 2 2\r\n"));
  const auto data = open_dataset({.path = path, .labels = labels}, Split::Val);
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"n01", "n07"}));
  EXPECT_EQ(data->label(0), 1);
  EXPECT_EQ(data->label(1), 0);
  EXPECT_EQ(open_dataset(path + ":" + labels, Split::Val)->label(0), 1);
  expect_error(ErrorKind::Data, {"nowhere.csv", "no such file"},
               [&] { open_dataset(path + ":nowhere.csv", Split::Val); });
  const auto one = folder.write("one.csv", std::string("ILSVRC2012_val_00000001,n07\n"));
  expect_error(ErrorKind::Data, {"one.csv has no label", "00000002.JPEG"},
               [&] { open_dataset({.path = path, .labels = one}, Split::Val); });
}

TEST(Archive, LabelsThatAreNotNeededAreRefused) {
  const TemporaryFolder folder;
  const auto labels = folder.write("labels.csv", std::string("1,n01\n"));
  const auto folders = folder.write("folders.tar", tar({{"a/1.jpg", image(1)}, {"b/1.jpg", image(2)}}));
  const auto classes = folder.write("classes.tar", tar({{"n01.tar", tar({{"1.jpg", image(1)}})}}));
  for (const auto& path : {folders, classes}) {
    expect_error(ErrorKind::Usage, {path, "class folders", "labels.csv is not needed"},
                 [&] { open_dataset(path + ":" + labels, Split::Val); });
  }
}

TEST(ImageLabels, LabelAFlatFolder) {
  const TemporaryFolder folder;
  folder.write("val/2.JPEG", image(2));
  folder.write("val/1.JPEG", image(1));
  const auto labels = folder.write("labels.csv", std::string("1,n07\n2,n01\n3,n09\n"));
  const auto path = folder / "val";
  const auto data = open_dataset(path + ":" + labels, Split::Val);
  EXPECT_EQ(data->class_names(), (std::vector<std::string>{"n01", "n07", "n09"}));
  ASSERT_EQ(data->size(), 2);
  EXPECT_EQ(data->name(0), path + "/1.JPEG");
  EXPECT_EQ(data->label(0), 1);
  EXPECT_EQ(data->label(1), 0);
  folder.write("val/4.JPEG", image(4));
  expect_error(ErrorKind::Data, {"labels.csv has no label", "val/4.JPEG"},
               [&] { open_dataset(path + ":" + labels, Split::Val); });
  expect_error(ErrorKind::Data, {"3 images", "no class folders", "IMAGES:LABELS"},
               [&] { open_dataset(path, Split::Val); });
  folder.write("val/n01/5.JPEG", image(5));
  expect_error(ErrorKind::Usage, {"class folders", "not needed"},
               [&] { open_dataset(path + ":" + labels, Split::Val); });
}

TEST(ImageLabels, BadLinesAreNamed) {
  const TemporaryFolder folder;
  const auto expect = [&](const std::string& text, std::initializer_list<std::string_view> parts) {
    const auto path = folder.write("labels.csv", text);
    expect_error(ErrorKind::Data, parts, [&] { read_image_labels(path); });
  };
  expect("a,n1\nb\n", {"labels.csv:2", "'b'"});
  expect("a,n1\n\na,n2\n", {"labels.csv:3", "a is given twice"});
  expect(",n1\n", {"labels.csv:1"});
  expect("ImageId,PredictionString\n", {"no labels"});
}

}  // namespace
}  // namespace cf::data
