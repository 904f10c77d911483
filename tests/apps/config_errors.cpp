#include "tests/apps/config_file.h"

namespace cf::apps {
namespace {

class ConfigError : public ConfigFile {};

TEST_F(ConfigError, ExtendsInACircle) {
  write("a.toml", "extends = \"b.toml\"\n");
  write("b.toml", "\nextends = \"a.toml\"\n");
  EXPECT_EQ(message_of_file((folder_ / "a.toml").string()),
            "b.toml:2: extends = \"a.toml\" closes a circle: a.toml extends this file in turn");
}

TEST_F(ConfigError, ExtendsWhatIsNotThere) {
  EXPECT_EQ(message("\nextends = \"nowhere.toml\"\n").substr(0, 78),
            "recipe.toml:2: extends = \"nowhere.toml\": no such file beside it, and no built-");
  EXPECT_EQ(message("extends = 3\n"),
            "recipe.toml:1: extends = 3 is an integer; allowed: the path of a file as a string");
}

TEST_F(ConfigError, UnknownKey) {
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

TEST_F(ConfigError, FirstErrorOfTheFileIsReported) {
  EXPECT_EQ(message("[train]\nbatchsize = 3\n[data]\nfoo = 1\n"),
            "recipe.toml:2: unknown key 'train.batchsize'; did you mean 'train.batch'?");
}

TEST_F(ConfigError, AugmentationThatCannotBe) {
  EXPECT_EQ(message("[augment]\nrandaugment = \"rand-q3\"\n").substr(0, 78),
            "recipe.toml:2: augment.randaugment = \"rand-q3\" has the unknown part 'q'; allow");
  EXPECT_EQ(
      message("[augment]\nrandaugment = \"rand-m9\"\ntrivial_augment = true\n"),
      "recipe.toml:3: augment.trivial_augment = true besides augment.randaugment; allowed: one of the two");
  EXPECT_EQ(message("[augment]\ncolor_jitter = [0.4, 0.4]\n"),
            "recipe.toml:2: augment.color_jitter has 2 entries; allowed: none, or brightness, contrast, "
            "saturation and "
            "hue");
  EXPECT_EQ(message("[augment]\ncolor_jitter = [0.4, 0.4, 0.4, 0.6]\n"),
            "recipe.toml:2: augment.color_jitter has a hue of 0.6; allowed: at most 0.5");
  EXPECT_EQ(message("[augment]\nrepeats = 3\n[train]\nbatch = 256\n"),
            "recipe.toml:2: augment.repeats = 3 does not divide train.batch = 256");
  for (const char* key : {"mixup", "cutmix"}) {
    EXPECT_EQ(
        message(concat("[train]\nbatch = 30\nnorm_batch = 15\n[augment]\n", key, " = 0.2\n")),
        "recipe.toml:3: train.norm_batch = 15; allowed with augment.mixup or augment.cutmix: even numbers, "
        "as images are mixed in pairs");
  }
}

TEST_F(ConfigError, SectionWhereAKeyBelongs) {
  EXPECT_EQ(message("train = 3\n"),
            "recipe.toml:1: 'train' is a section; its keys are set one by one, such as train.duration");
}

TEST_F(ConfigError, WrongType) {
  EXPECT_EQ(message("[train]\nbatch = \"big\"\n"),
            "recipe.toml:2: train.batch = \"big\" is a string; allowed: integer >= 1");
  EXPECT_EQ(message("[train]\nbatch = 1.5\n"),
            "recipe.toml:2: train.batch = 1.5 is a number; allowed: integer >= 1");
  EXPECT_EQ(message("[optimizer]\nnesterov = 1\n"),
            "recipe.toml:2: optimizer.nesterov = 1 is an integer; allowed: true or false");
  EXPECT_EQ(message("[model]\nwidths = 64\n"),
            "recipe.toml:2: model.widths = 64 is an integer; allowed: list of integers, each in [1, 65536]");
  EXPECT_EQ(message("[model]\nwidths = [64, \"x\"]\n"),
            "recipe.toml:2: model.widths = [64, \"x\"] holds a string; allowed: list of integers, each in "
            "[1, 65536]");
  EXPECT_EQ(message("[data]\ntrain = 2020-01-01\n"),
            "recipe.toml:2: data.train = (a date or time) is a date or time; allowed: string");
  EXPECT_EQ(message("[model]\nwidths = [{a = 1}]\n"),
            "recipe.toml:2: model.widths = [(a table)] holds a table; allowed: list of integers, each in [1, "
            "65536]");
}

TEST_F(ConfigError, OutOfRange) {
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

TEST_F(ConfigError, UnknownWord) {
  EXPECT_EQ(message("[optimizer]\nkind = \"adam\"\n"),
            "recipe.toml:2: optimizer.kind = \"adam\" is unknown, did you mean \"adamw\"?; allowed: one of "
            "\"sgd\", \"adamw\", \"rmsprop\"");
  EXPECT_EQ(
      message("[model]\nblocks = [\"convfirst\", \"transformer\"]\n"),
      "recipe.toml:2: model.blocks = [\"convfirst\", \"transformer\"] is unknown; allowed: list of strings, "
      "each one of \"convfirst\", \"mbconv\"");
}

TEST_F(ConfigError, WrongDuration) {
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

TEST_F(ConfigError, WrongSizeSchedule) {
  const std::string allowed =
      "; allowed: integer in [1, 65536], or a list of [epoch, size] whose epochs increase from 0";
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

TEST_F(ConfigError, KeysThatContradictOneAnother) {
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

TEST_F(ConfigError, SyntaxErrorNamesTheLine) {
  EXPECT_EQ(message("seed = 1\nseed = 2\n").substr(0, 15), "recipe.toml:2: ");
  EXPECT_EQ(message("[train\n").substr(0, 15), "recipe.toml:1: ");
}

// As deep as a text may be, and deeper: a key of a million tables would exhaust the stack.
TEST_F(ConfigError, TablesInsideTables) {
  const auto deep = [](std::size_t bytes) {
    std::string key(bytes - 5, 'a');
    for (std::size_t i = 1; i < key.size(); i += 2) key[i] = '.';
    return key + "a = 1";
  };
  EXPECT_EQ(message(deep(32 * 1024)),
            "recipe.toml:1: sections inside sections more than 16 deep: 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a'");
  EXPECT_EQ(message(deep(32 * 1024 + 2)),
            "recipe.toml: 32770 bytes are no configuration: it has at most 32768");
  EXPECT_EQ(message("", {"seed=" + std::string(32 * 1024 + 1, '1')}),
            "a --set of 32769 bytes: it has at most 32768");
}

TEST_F(ConfigError, MissingFileAndFolder) {
  EXPECT_EQ(message_of_file("nowhere.toml").substr(0, 57),
            "nowhere.toml: no such file, and no built-in configuration");
  EXPECT_EQ(message_of_file(folder_.string()), folder_.string() + " is a folder, not a configuration file");
}

TEST_F(ConfigError, SettingWithoutEquals) {
  EXPECT_EQ(message("", {"train.batch"}), "--set train.batch: allowed: KEY=VALUE, such as train.batch=256");
  EXPECT_EQ(message("", {"train={batch=3}"}),
            "--set: 'train' is a section; its keys are set one by one, such as train.duration");
  EXPECT_EQ(message("", {"train.batch=1\nseed = 2"}),
            "--set: train.batch = \"1\\u000Aseed = 2\" is a string; allowed: integer >= 1");
}

}  // namespace
}  // namespace cf::apps
