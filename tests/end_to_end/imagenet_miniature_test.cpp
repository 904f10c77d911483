// ImageNet from the official files, in miniature: packed, verified, trained on with the recipes, evaluated,
// predicted.
#include <nlohmann/json.hpp>

#include "data/formats/imagenet_classes.h"
#include "tests/data/imagenet_files.h"
#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/prediction_files.h"

namespace cf {
namespace {

using nlohmann::json;

constexpr const char* kTrainTar = "ILSVRC2012_img_train.tar";
constexpr const char* kVal = "ILSVRC2012_img_val.tar:ILSVRC2012_devkit_t12.tar.gz";

class ImageNetMiniature : public testing::Test {
 protected:
  ImageNetMiniature() {
    data::write_imagenet_miniature(folder().native(), {.train_per_class = 1, .val_images = 60, .side = 36});
  }
  const std::filesystem::path& folder() const { return scratch_.path(); }

  std::string output(const Arguments& arguments) const { return output_of(arguments, folder()); }

 private:
  ScratchFolder scratch_;
};

TEST_F(ImageNetMiniature, IsPackedTrainedEvaluatedAndPredicted) {
  expect_refused(folder(), {"data", "pack", kTrainTar, "-o", "train.cfpack"}, 3,
                 {"1,000 classes of ImageNet but 1000 images", "1281167", "50000", "--partial"});
  expect_refused(folder(), {"data", "pack", "ILSVRC2012_img_val.tar", "-o", "val.cfpack"}, 3,
                 {"60 images but no class folders", "IMAGES:LABELS", "ILSVRC2012_devkit_t12.tar.gz"});
  output({"data", "pack", kTrainTar, "--partial", "--shorter-side", "36", "--workers", "2", "-o",
          "train.cfpack"});
  output({"data", "pack", kVal, "--partial", "-o", "val.cfpack"});
  EXPECT_NE(
      output({"data", "verify", "val.cfpack", "--partial"}).find("all 60 images of 1,000 classes are good"),
      std::string::npos);
  const json info = json::parse(output({"data", "info", "val.cfpack", "--json"}));
  for (int image = 1; image <= 60; ++image) {
    EXPECT_EQ(info["classes"][static_cast<std::size_t>(data::miniature_val_class(image))]["samples"], 1);
  }

  // Every recipe takes its steps, with a small network and small images; the last from the archives
  // themselves.
  for (const std::string name : {"nano", "tiny", "small", "base"}) {
    const bool packed = name != "base";
    Arguments train{"train", concat("imagenet/", name, ".toml"), "--out", name, "--threads", "2"};
    const std::string train_data = packed ? "train.cfpack" : kTrainTar,
                      val_data = packed ? "val.cfpack" : kVal;
    train.insert(train.end(), {"--set", "data.train=" + train_data, "--set", "data.val=" + val_data});
    for (const char* setting :
         {"train.duration=2st", "train.batch=8", "train.norm_batch=8", "train.size=32", "schedule.warmup=1st",
          "eval.size=32", "eval.batch=20", "checkpoint.every=2st", "checkpoint.keep_best=0",
          "model.depths=[1,1,1,1]", "model.widths=[8,16,24,32]", "model.head=64"}) {
      train.insert(train.end(), {"--set", setting});
    }
    output(train);
  }
  const json result = json::parse(output({"eval", "nano", "--data", kVal, "--json"}));
  EXPECT_EQ(result["images"], 60);

  write_jpeg(folder() / "fish.jpg", random_image(40, 3, 1));
  const json row =
      json::parse(output({"predict", "nano", "fish.jpg", "--topk", "1000", "--format", "jsonl"}));
  ASSERT_EQ(row["predictions"].size(), 1000U);
  for (const auto& guess : row["predictions"]) {
    const auto id = guess["class"].get<std::string>();
    EXPECT_EQ(guess["name"], data::readable_class_name(id)) << id;
    EXPECT_NE(guess["name"], id);
  }
}

TEST_F(ImageNetMiniature, EveryRecipeFindsItsModel) {
  for (const char* name : {"nano", "tiny", "small", "base"}) {
    const std::string config = output({"train", concat("imagenet/", name, ".toml"), "--print-config"});
    for (const std::string& part :
         {concat("name = \"convfirstnet_", name, "\""), std::string("duration = \"300ep\""),
          std::string("train = \"in1k-train.cfpack\"")}) {
      EXPECT_NE(config.find(part), std::string::npos) << part << "\n" << config;
    }
  }
}

}  // namespace
}  // namespace cf
