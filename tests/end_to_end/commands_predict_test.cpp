// convfirst predict: what it reads and what it prints.
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/prediction_files.h"

namespace cf {
namespace {

using nlohmann::json;

class CommandPredict : public TrainedRun {
 protected:
  CommandPredict() {
    std::filesystem::create_directories(*this / "pictures");
    data::write_png(*this / "pictures/b.png", random_image(40, 3, 1));
    write_jpeg(*this / "pictures/a.jpg", random_image(31, 3, 2));
    write_jpeg(*this / "pictures/c.JPEG", random_image(24, 1, 3));
    write_bytes(*this / "pictures/notes.txt", "not an image");
  }
};

TEST_F(CommandPredict, TableNamesFilesAndClasses) {
  const auto lines = lines_of(output({"predict", "run", "pictures/b.png", "--topk", "3"}));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].starts_with("pictures/b.png")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("    ")) << lines[1];
  for (const auto& line : lines) {
    EXPECT_NE(line.find(" %  class "), std::string::npos) << line;
  }
}

TEST_F(CommandPredict, AFolderStandsForItsImagesInOrder) {
  const auto lines = lines_of(output({"predict", "run", "pictures", "--format", "jsonl"}));
  ASSERT_EQ(lines.size(), 3U);
  const char* names[] = {"pictures/a.jpg", "pictures/b.png", "pictures/c.JPEG"};
  for (std::size_t i = 0; i < 3; ++i) {
    const json row = json::parse(lines[i]);
    EXPECT_EQ(row["image"], names[i]);
    ASSERT_EQ(row["predictions"].size(), 4U);  // five are asked for, there are four
    double sum = 0, before = 1;
    for (const auto& guess : row["predictions"]) {
      EXPECT_TRUE(guess["class"].get<std::string>().starts_with("class "));
      EXPECT_LE(guess["probability"].get<double>(), before);
      before = guess["probability"];
      sum += before;
    }
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

TEST_F(CommandPredict, CsvHasOneRowPerClassShown) {
  std::filesystem::rename(*this / "pictures/b.png", *this / "a \"b\", c.png");
  const auto lines = lines_of(output({"predict", "run", "a \"b\", c.png", "--format", "csv", "--topk", "2"}));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "image,rank,class,probability,name");
  EXPECT_TRUE(lines[1].starts_with("\"a \"\"b\"\", c.png\",1,\"class ")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("\"a \"\"b\"\", c.png\",2,\"class ")) << lines[2];
}

TEST_F(CommandPredict, PhotographsAreTurnedUprightUnlessToldOtherwise) {
  const std::string stored = read_bytes(*this / "pictures/a.jpg");
  const std::string turned_by_180(
      "\xff\xe1\0\x22"
      "Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0",
      36);
  write_bytes(*this / "photo.jpg", stored.substr(0, 2) + turned_by_180 + stored.substr(2));
  const auto predictions = [&](const std::string& file, Arguments more) {
    Arguments arguments{"predict", "run", file, "--format", "jsonl"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return json::parse(lines_of(output(arguments))[0])["predictions"];
  };
  EXPECT_EQ(predictions("photo.jpg", {"--orientation", "stored"}), predictions("pictures/a.jpg", {}));
  EXPECT_NE(predictions("photo.jpg", {}), predictions("pictures/a.jpg", {}));
  refuse({"predict", "run", "photo.jpg", "--orientation", "up"}, 2, {"'up'", "exif or stored"});
}

TEST_F(CommandPredict, NamesThatAreNotUtf8AreStillJson) {
  std::filesystem::copy_file(*this / "pictures/a.jpg", *this / "caf\xe9.jpg");
  const auto rows = lines_of(output({"predict", "run", "caf\xe9.jpg", "--format", "jsonl"}));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(json::parse(rows[0])["image"], "caf\xef\xbf\xbd.jpg");
}

TEST_F(CommandPredict, APlaceForLogitsThatIsNotThereCostsNoTime) {
  refuse({"predict", "run", "pictures/a.jpg", "--logits", "none/l.safetensors"}, 2, {"no folder none"});
}

// The first bytes tell what an image is.
TEST_F(CommandPredict, APngNamedJpgIsRead) {
  std::filesystem::copy_file(*this / "pictures/b.png", *this / "named.jpg");
  const auto png = lines_of(output({"predict", "run", "pictures/b.png", "--format", "jsonl"}));
  const auto jpg = lines_of(output({"predict", "run", "named.jpg", "--format", "jsonl"}));
  EXPECT_EQ(json::parse(png[0])["predictions"], json::parse(jpg[0])["predictions"]);
}

TEST_F(CommandPredict, RowsOfATensorAreNumberedAndIndependent) {
  std::vector<float> x(2 * 20 * 28);
  Philox random(1, Purpose::Test);
  for (float& v : x) v = random.normal();
  write_tensor(*this / "both.safetensors", "x", {2, 1, 20, 28}, x);
  write_tensor(*this / "second.safetensors", "x", {1, 1, 20, 28}, {x.begin() + 20 * 28, x.end()});
  const auto lines = lines_of(output(
      {"predict", "run", "both.safetensors", "--format", "jsonl", "--logits", "both.logits.safetensors"}));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(json::parse(lines[1])["image"], "both.safetensors#1");
  output({"predict", "run", "second.safetensors", "--logits", "second.logits.safetensors"});
  const auto both = read_tensor_values(*this / "both.logits.safetensors", "logits");
  const auto second = read_tensor_values(*this / "second.logits.safetensors", "logits");
  ASSERT_EQ(both.size(), 8U);
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(both[4 + k], second[k], 1e-5F * (1 + std::abs(second[k])));
}

TEST_F(CommandPredict, MoreImagesThanOneBatch) {
  for (int i = 0; i < 70; ++i) {
    data::write_png(*this / concat("pictures/many", i, ".png"),
                    random_image(17, 1, static_cast<std::uint64_t>(i)));
  }
  EXPECT_EQ(lines_of(output({"predict", "run", "pictures", "--topk", "1"})).size(), 73U);
  // What was predicted before a bad image is not lost.
  write_bytes(*this / "pictures/z.png", "no image");
  const ProcessResult result =
      run_convfirst({"predict", "run", "pictures", "--topk", "1"}, {.folder = folder()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.err.find("pictures/z.png"), std::string::npos) << result.err;
  EXPECT_EQ(lines_of(result.out).size(), 64U);
}

}  // namespace
}  // namespace cf
