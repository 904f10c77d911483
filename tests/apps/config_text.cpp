#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "apps/config/config.h"
#include "apps/config/nearest.h"
#include "apps/config/toml_reader.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

// A configuration in which no key has its default.
ResolvedConfig unusual() {
  return load_config("nano", {"seed=9223372036854775807",
                              "data.train=/data/a \"b\" \\ \t c",
                              "data.val=val",
                              "data.threads=7",
                              "data.shuffle=block",
                              "data.fit=pad",
                              "data.exif_orientation=true",
                              "data.on_corrupt=substitute",
                              "data.corrupt_limit=3",
                              "data.mean=[0.1, 0.2]",
                              "data.std=[1e-3, 2]",
                              "train.duration=2.5ep",
                              "train.batch=60",
                              "train.norm_batch=20",
                              "train.size=[[0, 64], [3, 96]]",
                              "train.log_every=3",
                              "augment.crop_scale=[0.25, 0.5]",
                              "augment.crop_aspect=[1, 1.1]",
                              "augment.flip=0",
                              "augment.pad=4",
                              "augment.filter=bicubic",
                              "augment.randaugment=rand-m7-n3",
                              "augment.color_jitter=[0.4, 0.4, 0.2, 0.1]",
                              "augment.grayscale=0.2",
                              "augment.erase=0.25",
                              "augment.repeats=3",
                              "augment.mixup=0.2",
                              "augment.cutmix=1",
                              "augment.mixup_prob=0.5",
                              "augment.mixup_switch_prob=0.25",
                              "loss.kind=bce",
                              "loss.smoothing=0.1",
                              "optimizer.kind=rmsprop",
                              "optimizer.lr=0.016",
                              "optimizer.momentum=0.5",
                              "optimizer.weight_decay=1e-5",
                              "optimizer.betas=[0.8, 0.99]",
                              "optimizer.eps=1e-3",
                              "optimizer.alpha=0.9",
                              "optimizer.clip_norm=1",
                              "schedule.kind=step",
                              "schedule.warmup=100st",
                              "schedule.min_lr=1e-6",
                              "schedule.boundaries=[\"1ep\", \"1.5ep\"]",
                              "schedule.factor=0.97",
                              "model.channels=2",
                              "model.classes=7",
                              "model.activation=silu",
                              "model.drop_path=0.3",
                              "model.dropout=0.2",
                              "model.fusion=off",
                              "model.init=w.safetensors",
                              "ema.decay=0.9999",
                              "precision.compute=float32",
                              "precision.tf32=true",
                              "precision.wire=bf16",
                              "checkpoint.every=90s",
                              "checkpoint.keep_last=5",
                              "checkpoint.keep_best=0",
                              "eval.every=500st",
                              "eval.size=80",
                              "eval.crop=0.95",
                              "eval.resize=bicubic",
                              "eval.batch=11"});
}

TEST(ConfigText, RoundTrip) {
  const Config config = unusual().config;
  const std::string text = to_toml(config);
  const Config again = from_toml_text(text);
  EXPECT_EQ(diff(config, again), std::vector<std::string>{});
  EXPECT_EQ(to_toml(again), text);
  EXPECT_EQ(again.data.train, "/data/a \"b\" \\ \t c");
  EXPECT_EQ(again.seed, 9223372036854775807);
}

TEST(ConfigText, RoundTripWithOrigins) {
  const ResolvedConfig resolved = unusual();
  const std::string text = to_toml_with_origins(resolved);
  EXPECT_EQ(diff(resolved.config, from_toml_text(text)), std::vector<std::string>{});
  EXPECT_NE(text.find("keep_last = 5                           # --set\n"), std::string::npos) << text;
  EXPECT_NE(text.find("patch = 4                               # built-in convfirstnet_nano.toml:"),
            std::string::npos);
  EXPECT_NE(text.find("version = 1                             # built-in"), std::string::npos);
  EXPECT_NE(text.find("nesterov = false                        # default\n"), std::string::npos);
}

TEST(ConfigText, DiffNamesEveryKeyThatDiffers) {
  const Config a = load_config("pico").config;
  const Config b = load_config("pico", {"optimizer.lr=0.5", "train.duration=3ep"}).config;
  EXPECT_EQ(diff(a, b),
            (std::vector<std::string>{"train.duration: \"90ep\" -> \"3ep\"", "optimizer.lr: 0.1 -> 0.5"}));
  const Config unlike = unusual().config;
  Config defaults;
  // The same in both: version, trivial_augment, nesterov, patch, blocks, expansion, group_width, head.
  EXPECT_EQ(diff(defaults, unlike).size() + 8, fields_of(defaults).size());
}

TEST(ConfigText, StoredTextHasNoExtends) {
  try {
    from_toml_text("extends = \"x.toml\"\n", "checkpoint a");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 38), "checkpoint a:1: unknown key 'extends';");
  }
}

TEST(ConfigText, DocumentationListsTheKeysAsTheyAre) {
  std::ifstream file(CF_TEST_FILES "/../../docs/configuration.md");
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto keys = page.find("## Top level");
  ASSERT_NE(keys, std::string::npos);
  EXPECT_EQ(page.substr(keys), keys_as_markdown())
      << "docs/configuration.md, from \"## Top level\" on, is what `convfirst train --help-keys` prints";
}

TEST(ConfigText, EveryKeyIsInTheTable) {
  const std::string table = keys_as_markdown();
  Config config;
  for (const Field& field : fields_of(config)) {
    EXPECT_NE(table.find("| `" + field.key + "` |"), std::string::npos) << field.key;
  }
}

TEST(Duration, TextsThatAreDurations) {
  EXPECT_EQ(parse_duration("90ep"), epochs(90));
  EXPECT_EQ(parse_duration("0.5ep"), epochs(0.5));
  EXPECT_EQ(parse_duration("10000st"), steps(10000));
  EXPECT_EQ(parse_duration("90s"), seconds(90));
  EXPECT_EQ(parse_duration("30min"), seconds(1800));
  EXPECT_EQ(parse_duration("1.5h"), seconds(5400));
  EXPECT_EQ(parse_duration("3:50:00"), seconds(13800));
  EXPECT_EQ(parse_duration("10:30"), seconds(630));
}

TEST(Duration, TextsThatAreNot) {
  for (const char* text : {"",
                           "90",
                           "ep",
                           "-1ep",
                           "1.5st",
                           "3 ep",
                           "1e",
                           "3epochs",
                           "1:2:3:4",
                           "1:60",
                           ":5",
                           "5:",
                           "1.5:00",
                           "infh",
                           "1..5ep",
                           "0x3ep",
                           "99999999999999999999ep",
                           "99999999999999st",
                           "1000000h",
                           "1000000:00:00"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, TextRoundTrip) {
  for (const char* text : {"90ep", "0.5ep", "0ep", "10000st", "90s", "30min", "2h", "1.5s", "0s"}) {
    EXPECT_EQ(parse_duration(text)->text(), text);
  }
  EXPECT_EQ(seconds(5400).text(), "90min");
}

TEST(Duration, Steps) {
  EXPECT_EQ(epochs(2.5).steps(101), 253);
  EXPECT_EQ(steps(7).steps(101), 7);
  EXPECT_THROW(seconds(3).steps(101), Error);
}

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("optimiser", "optimizer"), 1);
  EXPECT_EQ(edit_distance("sede", "seed"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

TEST(TomlNumber, GivesTheSameNumberBack) {
  for (const double value : {0.1, 1.0, 1e-6, 4.0 / 3.0, 1e300, -0.0, 5e-324, 123456789.0}) {
    const auto entries = read_toml("x = " + toml_number(value), "text");
    EXPECT_EQ(std::get<double>(entries.at(0).value.data), value);
  }
}

}  // namespace
}  // namespace cf::apps
