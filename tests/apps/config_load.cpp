#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "apps/config/builtin.h"
#include "apps/config/config.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

namespace fs = std::filesystem;

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / ("config_" + std::string(test->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }

  // The message of the error that loading a file of this text gives, without the folder's name.
  std::string message(const std::string& text, const std::vector<std::string>& settings = {}) const {
    return message_of_file(write("recipe.toml", text), settings);
  }

  std::string message_of_file(const std::string& path, const std::vector<std::string>& settings = {}) const {
    try {
      load_config(path, settings);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      std::string text = error.what();
      const std::string prefix = folder_.string() + "/";
      for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
        text.erase(at, prefix.size());
      }
      return text;
    }
    return "no error";
  }

  fs::path folder_;
};

TEST_F(ConfigFile, PrecedenceIsDefaultsExtendsFileSettings) {
  write("base.toml", "[train]\nbatch = 10\nlog_every = 11\nsize = 64\n");
  const auto path = write("recipe.toml", "extends = \"base.toml\"\n[train]\nlog_every = 12\nsize = 96\n");
  const auto resolved = load_config(path, {"train.size=128"});
  EXPECT_EQ(resolved.config.train.duration, epochs(90));
  EXPECT_EQ(resolved.config.train.batch, 10);
  EXPECT_EQ(resolved.config.train.log_every, 12);
  EXPECT_EQ(resolved.config.train.size.at_epoch(0), 128);
  EXPECT_EQ(resolved.origins.at("train.duration"), "default");
  EXPECT_EQ(resolved.origins.at("train.batch"), (folder_ / "base.toml").string() + ":2");
  EXPECT_EQ(resolved.origins.at("train.log_every"), path + ":3");
  EXPECT_EQ(resolved.origins.at("train.size"), "--set");
  EXPECT_EQ(resolved.origins.at("train.norm_batch"), "from train.batch");
}

TEST_F(ConfigFile, ExtendsIsRelativeToTheFileAndMayBeAChain) {
  write("models/base.toml", "seed = 1\n[train]\nbatch = 10\n");
  write("models/middle.toml", "extends = \"base.toml\"\nseed = 2\n");
  const auto path = write("recipes/recipe.toml", "extends = \"../models/middle.toml\"\n");
  const Config config = load_config(path).config;
  EXPECT_EQ(config.seed, 2);
  EXPECT_EQ(config.train.batch, 10);
}

TEST_F(ConfigFile, FileBesideWinsOverBuiltin) {
  const auto path = write("recipe.toml", "extends = \"convfirstnet_nano.toml\"\n");
  EXPECT_EQ(load_config(path).config.model.widths, (std::vector<int>{32, 64, 128, 256}));
  write("convfirstnet_nano.toml", "[model]\nwidths = [8, 8, 8, 8]\n");
  EXPECT_EQ(load_config(path).config.model.widths, (std::vector<int>{8, 8, 8, 8}));
}

TEST_F(ConfigFile, ExtendsInACircle) {
  write("a.toml", "extends = \"b.toml\"\n");
  write("b.toml", "\nextends = \"a.toml\"\n");
  EXPECT_EQ(message_of_file((folder_ / "a.toml").string()),
            "b.toml:2: extends = \"a.toml\" closes a circle: a.toml extends this file in turn");
}

TEST_F(ConfigFile, ExtendsWhatIsNotThere) {
  EXPECT_EQ(message("\nextends = \"nowhere.toml\"\n").substr(0, 78),
            "recipe.toml:2: extends = \"nowhere.toml\": no such file beside it, and no built-");
  EXPECT_EQ(message("extends = 3\n"),
            "recipe.toml:1: extends = 3 is an integer; allowed: the path of a file as a string");
}

TEST_F(ConfigFile, UnknownKey) {
  EXPECT_EQ(message("[optimiser]\nlr = 0.1\n"),
            "recipe.toml:2: unknown key 'optimiser.lr'; did you mean 'optimizer.lr'?");
  EXPECT_EQ(message("[train]\n\nbatchsize = 3\n"),
            "recipe.toml:3: unknown key 'train.batchsize'; did you mean 'train.batch'?");
  EXPECT_EQ(message("[train]\nlr = 0.1\n"),
            "recipe.toml:2: unknown key 'train.lr'; did you mean 'optimizer.lr'?");
  EXPECT_EQ(message("sede = 3\n"), "recipe.toml:1: unknown key 'sede'; did you mean 'seed'?");
  EXPECT_EQ(message("[x]\ny = 3\n"),
            "recipe.toml:2: unknown key 'x.y'; `convfirst train --help-keys` lists all keys");
  EXPECT_EQ(message("", {"train.bach=3"}), "--set: unknown key 'train.bach'; did you mean 'train.batch'?");
}

TEST_F(ConfigFile, FirstErrorOfTheFileIsReported) {
  EXPECT_EQ(message("[train]\nbatchsize = 3\n[data]\nfoo = 1\n"),
            "recipe.toml:2: unknown key 'train.batchsize'; did you mean 'train.batch'?");
}

TEST_F(ConfigFile, SectionWhereAKeyBelongs) {
  EXPECT_EQ(message("train = 3\n"),
            "recipe.toml:1: 'train' is a section; its keys are set one by one, such as train.duration");
}

TEST_F(ConfigFile, WrongType) {
  EXPECT_EQ(message("[train]\nbatch = \"big\"\n"),
            "recipe.toml:2: train.batch = \"big\" is a string; allowed: integer >= 1");
  EXPECT_EQ(message("[train]\nbatch = 1.5\n"),
            "recipe.toml:2: train.batch = 1.5 is a number; allowed: integer >= 1");
  EXPECT_EQ(message("[optimizer]\nnesterov = 1\n"),
            "recipe.toml:2: optimizer.nesterov = 1 is an integer; allowed: true or false");
  EXPECT_EQ(message("[model]\nwidths = 64\n"),
            "recipe.toml:2: model.widths = 64 is an integer; allowed: list of integers, each >= 1");
  EXPECT_EQ(message("[model]\nwidths = [64, \"x\"]\n"),
            "recipe.toml:2: model.widths = [64, \"x\"] holds a string; allowed: list of integers, each >= 1");
  EXPECT_EQ(message("[data]\ntrain = 2020-01-01\n"),
            "recipe.toml:2: data.train = (a date or time) is a date or time; allowed: string");
  EXPECT_EQ(message("[model]\nwidths = [{a = 1}]\n"),
            "recipe.toml:2: model.widths = [(a table)] holds a table; allowed: list of integers, each >= 1");
}

TEST_F(ConfigFile, OutOfRange) {
  EXPECT_EQ(message("[train]\nbatch = 0\n"),
            "recipe.toml:2: train.batch = 0 is out of range; allowed: integer >= 1");
  EXPECT_EQ(message("[train]\nbatch = 3000000000\n"),
            "recipe.toml:2: train.batch = 3000000000 is out of range; allowed: integer >= 1");
  EXPECT_EQ(message("seed = -1\n"), "recipe.toml:1: seed = -1 is out of range; allowed: integer >= 0");
  EXPECT_EQ(message("version = 2\n"), "recipe.toml:1: version = 2 is out of range; allowed: integer 1");
  EXPECT_EQ(message("[optimizer]\nlr = nan\n"),
            "recipe.toml:2: optimizer.lr = nan is out of range; allowed: number > 0");
  EXPECT_EQ(message("[ema]\ndecay = 1\n"),
            "recipe.toml:2: ema.decay = 1 is out of range; allowed: number in [0, 1)");
  EXPECT_EQ(
      message("[optimizer]\nbetas = [0.9, 1.0]\n"),
      "recipe.toml:2: optimizer.betas = [0.9, 1.0] is out of range; allowed: two numbers, each in [0, 1)");
  EXPECT_EQ(
      message("[optimizer]\nbetas = [0.9]\n"),
      "recipe.toml:2: optimizer.betas = [0.9] has not two entries; allowed: two numbers, each in [0, 1)");
  EXPECT_EQ(message("", {"train.batch=-1"}),
            "--set: train.batch = -1 is out of range; allowed: integer >= 1");
}

TEST_F(ConfigFile, UnknownWord) {
  EXPECT_EQ(message("[optimizer]\nkind = \"adam\"\n"),
            "recipe.toml:2: optimizer.kind = \"adam\" is unknown, did you mean \"adamw\"?; allowed: one of "
            "\"sgd\", \"adamw\", \"rmsprop\"");
  EXPECT_EQ(
      message("[model]\nblocks = [\"convfirst\", \"transformer\"]\n"),
      "recipe.toml:2: model.blocks = [\"convfirst\", \"transformer\"] is unknown; allowed: list of strings, "
      "each one of \"convfirst\", \"mbconv\"");
}

TEST_F(ConfigFile, WrongDuration) {
  EXPECT_EQ(
      message("[train]\nduration = 90\n"),
      "recipe.toml:2: train.duration = 90 is an integer without a unit; allowed: duration above 0, such as "
      "\"90ep\", \"10000st\"");
  EXPECT_EQ(message("[train]\nduration = \"90\"\n"),
            "recipe.toml:2: train.duration = \"90\" is not a duration; allowed: duration above 0, such as "
            "\"90ep\", \"10000st\"");
  EXPECT_EQ(message("[train]\nduration = \"0ep\"\n"),
            "recipe.toml:2: train.duration = \"0ep\" is out of range; allowed: duration above 0, such as "
            "\"90ep\", \"10000st\"");
  EXPECT_EQ(
      message("[schedule]\nwarmup = \"5min\"\n"),
      "recipe.toml:2: schedule.warmup = \"5min\" is wall-clock time; allowed: duration such as \"90ep\", "
      "\"10000st\"");
}

TEST_F(ConfigFile, WrongSizeSchedule) {
  const std::string allowed =
      "; allowed: integer >= 1, or a list of [epoch, size] whose epochs increase from 0";
  EXPECT_EQ(message("[train]\nsize = []\n"), "recipe.toml:2: train.size = [] is empty" + allowed);
  EXPECT_EQ(message("[train]\nsize = [[0, 1, 2]]\n"),
            "recipe.toml:2: train.size = [[0, 1, 2]] does not consist of pairs" + allowed);
  EXPECT_EQ(message("[train]\nsize = [[1, 32]]\n"),
            "recipe.toml:2: train.size = [[1, 32]] does not start at epoch 0 and increase" + allowed);
  EXPECT_EQ(
      message("[train]\nsize = [[0, 32], [0, 64]]\n"),
      "recipe.toml:2: train.size = [[0, 32], [0, 64]] does not start at epoch 0 and increase" + allowed);
  EXPECT_EQ(message("[train]\nsize = [[0, 0]]\n"),
            "recipe.toml:2: train.size = [[0, 0]] is out of range" + allowed);
}

TEST_F(ConfigFile, KeysThatContradictOneAnother) {
  EXPECT_EQ(message("[model]\nwidths = [64, 128]\n"),
            "recipe.toml:2: model.widths has 2 entries, model.blocks has 4; allowed: one entry per stage");
  EXPECT_EQ(message("[model]\nwidths = [64, 128, 256, 500]\n"),
            "recipe.toml:2: model.widths holds 500; allowed: multiples of model.group_width = 8");
  EXPECT_EQ(message("[train]\nbatch = 100\nnorm_batch = 64\n"),
            "recipe.toml:3: train.norm_batch = 64 does not divide train.batch = 100");
  EXPECT_EQ(message("[train]\nsize = 28\n"),
            "recipe.toml:2: train.size of 28 pixels leaves nothing for the last stage; allowed: at least 32 "
            "(model.patch * 2 per stage)");
  EXPECT_EQ(message("[eval]\nsize = 16\n"),
            "recipe.toml:2: eval.size of 16 pixels leaves nothing for the last stage; allowed: at least 32");
  EXPECT_EQ(message("[data]\nmean = [0.5]\n"),
            "recipe.toml:2: data.mean has 1 entries; allowed: one per channel, model.channels = 3");
  EXPECT_EQ(message("[augment]\ncrop_scale = [1, 0.5]\n"),
            "recipe.toml:2: augment.crop_scale = [1, 0.5]; allowed: the smaller number first");
  EXPECT_EQ(message("[schedule]\nkind = \"step\"\n"),
            "schedule.boundaries is empty; a step schedule needs at least one");
  EXPECT_EQ(message("[schedule]\nkind = \"step\"\nboundaries = [\"3ep\", \"2ep\"]\n"),
            "recipe.toml:3: schedule.boundaries go from 3ep to 2ep; allowed: one unit, increasing");
  EXPECT_EQ(message("[schedule]\nwarmup = \"100ep\"\n"),
            "recipe.toml:2: schedule.warmup = 100ep is longer than train.duration = 90ep");
  EXPECT_EQ(message("[schedule]\nmin_lr = 1\n"),
            "recipe.toml:2: schedule.min_lr = 1 is above optimizer.lr = 0.1");
  EXPECT_EQ(message("[optimizer]\nnesterov = true\nkind = \"adamw\"\n"),
            "recipe.toml:2: optimizer.nesterov = true; allowed: only with optimizer.kind = \"sgd\"");
}

TEST_F(ConfigFile, SyntaxErrorNamesTheLine) {
  EXPECT_EQ(message("seed = 1\nseed = 2\n").substr(0, 15), "recipe.toml:2: ");
  EXPECT_EQ(message("[train\n").substr(0, 15), "recipe.toml:1: ");
}

TEST_F(ConfigFile, MissingFileAndFolder) {
  EXPECT_EQ(message_of_file("nowhere.toml").substr(0, 57),
            "nowhere.toml: no such file, and no built-in configuration");
  EXPECT_EQ(message_of_file(folder_.string()), folder_.string() + " is a folder, not a configuration file");
}

TEST_F(ConfigFile, SettingsTakeTomlAndBareText) {
  const auto path = write("recipe.toml", "");
  const Config config =
      load_config(
          path, {"train.duration=10000st", "schedule.kind=linear", "data.train=/a b/c", "data.val=\"quoted\"",
                 "model.widths=[8, 16, 32, 64]", "optimizer.lr = 4e-3", "train.size=[[0, 32], [5, 64]]",
                 "data.threads=3", "optimizer.nesterov=true", "model.name=123"})
          .config;
  EXPECT_EQ(config.train.duration, steps(10000));
  EXPECT_EQ(config.schedule.kind, "linear");
  EXPECT_EQ(config.data.train, "/a b/c");
  EXPECT_EQ(config.data.val, "quoted");
  EXPECT_EQ(config.model.widths, (std::vector<int>{8, 16, 32, 64}));
  EXPECT_EQ(config.optimizer.lr, 4e-3);
  EXPECT_EQ(config.train.size.at_epoch(4), 32);
  EXPECT_EQ(config.train.size.at_epoch(5), 64);
  EXPECT_EQ(config.data.threads.value, 3);
  EXPECT_TRUE(config.optimizer.nesterov);
  EXPECT_EQ(config.model.name, "123");
}

TEST_F(ConfigFile, SettingWithoutEquals) {
  EXPECT_EQ(message("", {"train.batch"}), "--set train.batch: allowed: KEY=VALUE, such as train.batch=256");
  EXPECT_EQ(message("", {"train={batch=3}"}),
            "--set: 'train' is a section; its keys are set one by one, such as train.duration");
  EXPECT_EQ(message("", {"train.batch=1\nseed = 2"}),
            "--set: train.batch = \"1\\u000Aseed = 2\" is a string; allowed: integer >= 1");
}

TEST_F(ConfigFile, WhatFollowsFromOtherKeys) {
  const auto path = write("recipe.toml",
                          "[train]\nbatch = 96\nsize = [[0, 32], [5, 64], [9, 48]]\n[model]\nchannels = 1\n");
  const Config config = load_config(path).config;
  EXPECT_EQ(config.train.norm_batch, 96);
  EXPECT_EQ(config.eval.batch, 96);
  EXPECT_EQ(config.eval.size, 64);
  ASSERT_EQ(config.data.mean.size(), 1u);
  EXPECT_NEAR(config.data.mean[0], 0.449, 1e-12);
  EXPECT_NEAR(config.data.std[0], 0.226, 1e-12);
}

TEST_F(ConfigFile, FolderDoesNotHideABuiltinConfiguration) {
  const fs::path before = fs::current_path();
  fs::create_directories(folder_ / "small");
  fs::current_path(folder_);
  EXPECT_EQ(load_config("small").config.model.name, "convfirstnet_small");
  fs::current_path(before);
}

TEST(BuiltinConfig, EveryOneLoads) {
  ASSERT_GE(builtin_configs().size(), 5u);
  for (const BuiltinConfig& builtin : builtin_configs()) {
    EXPECT_NO_THROW(load_config(std::string(builtin.file))) << builtin.file;
  }
  for (const char* name : {"pico", "nano", "tiny", "small", "base"}) {
    EXPECT_EQ(load_config(name).config.model.name, std::string("convfirstnet_") + name);
  }
}

}  // namespace
}  // namespace cf::apps
