#include "tests/apps/config_file.h"

#include "apps/config/builtin.h"

namespace cf::apps {
namespace {

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
