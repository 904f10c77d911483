#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "apps/images/loader_options.h"
#include "kernels/base/check.h"
#include "tests/scratch_folder.h"

namespace cf::apps {
namespace {

namespace fs = std::filesystem;

// What a successful run_program writes to stdout.
std::string output_of(const Arguments& arguments) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_program(arguments), 0);
  return testing::internal::GetCapturedStdout();
}

std::string error_of(const Arguments& arguments, ErrorKind kind) {
  try {
    run_program(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(DataInfo, CountsAndSizes) {
  const std::string text = output_of({"data", "info", "synthetic:classes=3,size=16,channels=1,samples=30"});
  for (const char* part : {"30 in 3 classes, 1 channel\n", "16x16 30", "per class       10\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_EQ(text.find("mean"), std::string::npos);
}

TEST(DataInfo, Json) {
  const auto json =
      nlohmann::json::parse(output_of({"data", "info", "synthetic:classes=2,size=8,channels=3,samples=10",
                                       "--stats", "--limit", "4", "--json"}));
  EXPECT_EQ(json["samples"], 10);
  EXPECT_EQ(json["examined"], 4);
  EXPECT_EQ(json["classes"].size(), 2u);
  EXPECT_EQ(json["sizes"][0]["height"], 8);
  ASSERT_EQ(json["mean"].size(), 3u);
  EXPECT_GT(json["std"][0].get<double>(), 0);
}

TEST(DataInfo, Mistakes) {
  EXPECT_EQ(error_of({"data"}, ErrorKind::Usage).substr(0, 42), "convfirst data needs one of: pack, verify,");
  EXPECT_EQ(error_of({"data", "inof", "x"}, ErrorKind::Usage),
            "unknown command 'data inof'; did you mean 'data info'?");
  EXPECT_EQ(error_of({"data", "info", "synthetic", "--split", "test"}, ErrorKind::Usage),
            "--split test; allowed: train, val");
  EXPECT_EQ(error_of({"data", "info", "synthetic", "--threads", "0"}, ErrorKind::Usage),
            "--threads is 0, must be from 1 to 1024");
  error_of({"data", "info", "/nowhere/at/all"}, ErrorKind::Data);
}

TEST(DataPreview, WritesAPicture) {
  const ScratchFolder folder;
  const auto out = (folder / "preview.png").string();
  for (const char* split : {"train", "val"}) {
    fs::remove(out);
    EXPECT_EQ(output_of({"data", "preview", "synthetic.toml", "--split", split, "-o", out, "--count", "10"}),
              out + "\n");
    EXPECT_GT(fs::file_size(out), 100u);
  }
}

TEST(DataPreview, IsAPng) {
  EXPECT_EQ(error_of({"data", "preview", "synthetic.toml", "-o", "grid.jpg"}, ErrorKind::Usage),
            "--out is 'grid.jpg', and the picture is a PNG; give a name that ends in .png");
}

TEST(DataPreview, RecipeWithoutData) {
  EXPECT_EQ(error_of({"data", "preview", "pico"}, ErrorKind::Usage), "pico does not set data.train");
}

TEST(LoaderThreads, AreThoseOfTheAffinity) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core) {
    if (CPU_ISSET(core, &before)) CPU_SET(core, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(all_cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(all_cores(), 1);
  EXPECT_LE(all_cores(), CPU_COUNT(&before));
}

TEST(LoaderOptions, FollowTheConfiguration) {
  const Config config = load_config("pico", {"seed=7", "train.batch=48", "train.size=[[0, 32], [5, 48]]",
                                             "augment.pad=4", "augment.filter=bicubic", "augment.flip=0.25",
                                             "data.fit=pad", "eval.crop=0.9", "eval.size=40"})
                            .config;
  const auto train = training_loader_options(config, 6, 3);
  EXPECT_EQ(train.batch, 48);
  EXPECT_EQ(train.height, 48);
  EXPECT_EQ(train.channels, 1);
  EXPECT_EQ(train.threads, 3);
  EXPECT_EQ(train.seed, 7u);
  EXPECT_EQ(train.first_epoch, 6);
  EXPECT_EQ(train.shuffle, data::Shuffle::Full);
  EXPECT_TRUE(train.augment && train.drop_last);
  EXPECT_EQ(train.augmentation.pad, 4);
  EXPECT_EQ(train.augmentation.flip, 0.25f);
  EXPECT_EQ(train.augmentation.filter, data::Filter::Bicubic);
  const auto eval = evaluation_loader_options(config, 2);
  EXPECT_EQ(eval.height, 40);
  EXPECT_EQ(eval.crop, 0.9f);
  EXPECT_EQ(eval.fit, data::Fit::Pad);
  EXPECT_EQ(eval.filter, data::Filter::Bilinear);
  EXPECT_EQ(eval.shuffle, data::Shuffle::None);
  EXPECT_FALSE(eval.augment || eval.drop_last);
}

}  // namespace
}  // namespace cf::apps
