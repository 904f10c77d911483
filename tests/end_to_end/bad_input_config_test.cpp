// Configurations that cannot be trained: each is refused before anything is written.
#include "tests/end_to_end/command_checks.h"

namespace cf {
namespace {

class BadConfig : public testing::Test {
 protected:
  // A recipe of its own that ends with `lines`, the first of which is line 4.
  void refuse_recipe(const std::string& lines, std::initializer_list<std::string_view> words) {
    write_bytes(scratch_ / "recipe.toml", "version = 1\nextends = \"synthetic.toml\"\n\n" + lines);
    expect_refused(scratch_.path(), {"train", "recipe.toml", "--out", "run"}, 2, words);
  }

  void refuse_settings(const std::vector<std::string>& settings, int exit_code,
                       std::initializer_list<std::string_view> words,
                       const std::vector<std::string>& more = {}) {
    Arguments arguments = tiny_run("run", 8, settings);
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_refused(scratch_.path(), arguments, exit_code, words);
  }

  ScratchFolder scratch_;
};

TEST_F(BadConfig, UnknownKeyNamesTheNearestAndTheLine) {
  refuse_recipe("[train]\nbtach = 64\n", {"recipe.toml:5", "'train.btach'", "did you mean 'train.batch'?"});
  refuse_recipe("[optimiser]\nlr = 1\n", {"recipe.toml:5", "'optimiser.lr'", "'optimizer.lr'"});
  refuse_recipe("breadth = 1\n", {"recipe.toml:4", "'breadth'", "--help-keys"});
  refuse_recipe("[train]\nepochs = 90\n", {"recipe.toml:5", "'train.epochs'", "'train.duration'"});
  refuse_recipe("[optimizer]\nlearning_rate = 1\n", {"'optimizer.learning_rate'", "'optimizer.lr'"});
  refuse_settings({"train.bacth=1"}, 2, {"--set", "'train.bacth'", "'train.batch'"});
}

TEST_F(BadConfig, WrongTypeSaysWhatIsGivenAndAllowed) {
  refuse_recipe("[train]\nbatch = \"64\"\n",
                {"recipe.toml:5", "train.batch = \"64\"", "a string", "integer >= 1"});
  refuse_recipe("[model]\nwidths = 64\n", {"recipe.toml:5", "model.widths", "an integer", "list"});
  refuse_recipe("[optimizer]\nnesterov = 1\n", {"recipe.toml:5", "optimizer.nesterov", "an integer"});
  refuse_recipe("[train]\nduration = \"fast\"\n", {"recipe.toml:5", "train.duration", "\"fast\"", "90ep"});
  refuse_settings({"optimizer.lr=much"}, 2, {"--set", "optimizer.lr", "\"much\"", "number > 0"});
}

TEST_F(BadConfig, OutOfRangeSaysTheRange) {
  refuse_recipe("[train]\nbatch = 0\n", {"recipe.toml:5", "train.batch = 0", "integer >= 1"});
  refuse_settings({"data.threads=100000"}, 2, {"data.threads = 100000", "[1, 1024]"});
  refuse_settings({"train.duration=99999999999999999999ep"}, 2, {"train.duration", "not a duration"});
  refuse_settings({"model.patch=65536", "model.name=caf\xe9"}, 2, {"--set model.name", "not UTF-8"});
  refuse_recipe("[model]\ndrop_path = 1.5\n", {"recipe.toml:5", "model.drop_path = 1.5"});
  refuse_recipe("[optimizer]\nkind = \"adam\"\n", {"recipe.toml:5", "\"adam\"", "\"adamw\""});
  refuse_recipe("[model]\nwidths = [16, 24, 40, 60]\n", {"recipe.toml:5", "60", "multiples of", "8"});
  refuse_recipe("[model]\nwidths = [16, 24]\n", {"recipe.toml:5", "model.widths", "2 entries", "4"});
}

TEST_F(BadConfig, BrokenTomlNamesTheLine) {
  refuse_recipe("[train\nbatch = 64\n", {"recipe.toml:4"});
  refuse_recipe("[train]\nbatch = \n", {"recipe.toml:5"});
  refuse_recipe("[train]\nbatch = 64\nbatch = 65\n", {"recipe.toml:6"});
}

TEST_F(BadConfig, NoSuchRecipeListsTheBuiltInOnes) {
  expect_refused(scratch_.path(), {"train", "nothere.toml", "--out", "run"}, 2,
                 {"nothere.toml", "no such file", "fashion_mnist.toml"});
  expect_refused(scratch_.path(), {"train", ".", "--out", "run"}, 2, {"is a folder"});
  write_bytes(scratch_ / "mine.toml", "extends = \"synthetic.toml\"\n");
  expect_refused(scratch_.path(), {"train", "mine", "--out", "run"}, 2, {"did you mean mine.toml?"});
  refuse_recipe("extends = \"nothere.toml\"\n", {"recipe.toml:4"});  // twice in one file
}

TEST_F(BadConfig, WithoutDataThereIsNothingToTrainOn) {
  expect_refused(scratch_.path(), {"train", "pico", "--out", "run"}, 2, {"data.train is not set"});
  refuse_settings({"data.val="}, 2, {"data.val is not set"});
}

TEST_F(BadConfig, ABatchLargerThanTheData) {
  refuse_settings({"train.batch=512", "train.norm_batch=512"}, 2, {"train.batch is 512", "256 images"});
}

TEST_F(BadConfig, MicroBatchesMustDivideTheBatch) {
  refuse_settings({"train.norm_batch=12"}, 2, {"train.norm_batch", "12", "does not divide", "32"});
}

TEST_F(BadConfig, ClassesOfTheDataMustBeThoseOfTheModel) {
  refuse_settings({"model.classes=5"}, 2, {"model.classes is 5", "data.train", "4 classes"});
}

TEST_F(BadConfig, ImagesSmallerThanTheNetworkAllows) {
  refuse_settings({"train.size=3"}, 2, {"train.size", "3 pixels", "at least 4"});
  refuse_settings({"train.size=[[0,16],[2,2]]"}, 2, {"train.size", "2 pixels", "at least 4"});
  refuse_settings({"eval.size=3"}, 2, {"eval.size", "3 pixels", "at least 4"});
  refuse_settings({"model.patch=65536"}, 2, {"train.size", "16 pixels", "at least 131072", "model.patch"});
  refuse_settings({"model.patch=2147483647"}, 2, {"model.patch = 2147483647", "[1, 65536]"});
  refuse_settings({"model.patch=1e30"}, 2, {"model.patch", "[1, 65536]"});
}

TEST_F(BadConfig, AGpuThatIsNotThere) {
  refuse_settings({}, 4, {"--device cuda", "cpu"}, {"--device", "cuda"});
  refuse_settings({}, 2, {"--device", "'gpu'", "auto, cpu or cuda"}, {"--device", "gpu"});
}

TEST_F(BadConfig, APrecisionThatACpuDoesNotComputeIn) {
  refuse_settings({"precision.compute=bf16"}, 2, {"precision.compute", "'bf16'", "float32"});
  refuse_settings({"precision.compute=fp16"}, 2, {"precision.compute", "'fp16'", "float32"});
}

// 1,000 blocks of 4 * 65,536^2 weights, more than an address space holds.
TEST_F(BadConfig, AModelThatNoMemoryHolds) {
  refuse_settings({"model.blocks=[\"convfirst\"]", "model.widths=[65536]", "model.depths=[1000]",
                   "model.expansion=[8]", "ema.decay=0"},
                  4, {"out of memory", "bytes asked for"}, {"--device", "cpu"});
}

TEST_F(BadConfig, ADurationShorterThanAStep) {
  refuse_settings({"train.duration=0.01ep", "schedule.warmup=0ep"}, 2,
                  {"train.duration", "0.01ep", "less than one step"});
}

TEST_F(BadConfig, AFolderThatCannotBeWrittenTo) {
  write_bytes(scratch_ / "file", "not a folder");
  expect_refused(scratch_.path(), tiny_run("file", 8), 2, {"run folder", "file"});
  expect_refused(scratch_.path(), tiny_run("file/below", 8), 2, {"run folder", "file/below"});
}

}  // namespace
}  // namespace cf
