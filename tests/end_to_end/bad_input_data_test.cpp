// Data that cannot be trained on, evaluated or predicted: the message names the file.
#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/prediction_files.h"

namespace cf {
namespace {

using namespace std::string_literals;

class BadData : public testing::Test {
 protected:
  void write_class(const std::string& folder, int images) {
    std::filesystem::create_directories(scratch_ / folder);
    for (int i = 0; i < images; ++i) {
      write_jpeg(scratch_ / concat(folder, "/", i, ".jpg"),
                 random_image(24, 3, static_cast<std::uint64_t>(i)));
    }
  }

  static Arguments train_on(const std::string& data, std::vector<std::string> settings = {}) {
    settings.insert(settings.end(), {"data.train=" + data, "data.val=" + data});
    return tiny_run("run", 4, settings);
  }

  void refuse_training(const std::string& data, std::initializer_list<std::string_view> words) {
    expect_refused(scratch_.path(), train_on(data), 3, words);
  }

  ScratchFolder scratch_;
};

TEST_F(BadData, MissingPath) { refuse_training("nothere", {"data.train", "nothere", "does not exist"}); }

TEST_F(BadData, AnEmptyClassFolder) {
  write_class("pictures/cat", 3);
  std::filesystem::create_directories(scratch_ / "pictures/dog");
  refuse_training("pictures", {"pictures/dog", "no image"});
}

TEST_F(BadData, AFlatFolderHasNoLabels) {
  write_class("pictures", 3);
  refuse_training("pictures", {"pictures", "3 images but no class folders", "one folder per class"});
}

TEST_F(BadData, AnEmptyFolderSaysWhatIsWanted) {
  std::filesystem::create_directories(scratch_ / "nothing");
  refuse_training("nothing", {"nothing", "no data set", "one folder per class"});
}

// Checkpoints are JSON, which the first one would find out after an epoch.
TEST_F(BadData, NamesOfClassesAreUtf8) {
  write_class("pictures/caf\xe9", 3);
  write_class("pictures/tea", 3);
  const ProcessResult result =
      run_convfirst(tiny_run("run", 4, {"data.train=pictures", "data.val=pictures", "model.classes=2"}),
                    {.folder = scratch_.path()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.err.find("caf\xe9' is not UTF-8"), std::string::npos) << result.err;
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "run/checkpoints"));
}

TEST_F(BadData, AFileThatIsNoDataSet) {
  write_bytes(scratch_ / "notes.txt", "hello");
  refuse_training("notes.txt", {"notes.txt", "neither pack nor tar"});
}

TEST_F(BadData, ATruncatedJpegIsNamed) {
  for (const char* name : {"a", "b", "c", "d"}) write_class("pictures/"s + name, 8);
  const auto path = scratch_ / "pictures/c/5.jpg";
  const std::string bytes = read_bytes(path);
  write_bytes(path, bytes.substr(0, bytes.size() / 2));
  const ProcessResult result = run_convfirst(train_on("pictures"), {.folder = scratch_.path()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.err.find("pictures/c/5.jpg"), std::string::npos) << result.err;
  EXPECT_EQ(read_bytes(path), bytes.substr(0, bytes.size() / 2));
}

TEST_F(BadData, AnImageThatIsNoneIsNamed) {
  for (const char* name : {"a", "b", "c", "d"}) write_class("pictures/"s + name, 8);
  write_bytes(scratch_ / "pictures/b/2.jpg", "this is text");
  const ProcessResult result = run_convfirst(train_on("pictures"), {.folder = scratch_.path()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.err.find("pictures/b/2.jpg is neither JPEG nor PNG"), std::string::npos) << result.err;
}

TEST_F(BadData, SubstitutedImagesAreToldOnceInTheLogToo) {
  for (const char* name : {"a", "b", "c", "d"}) write_class("pictures/"s + name, 8);
  write_bytes(scratch_ / "pictures/b/2.jpg", "this is text");
  std::filesystem::create_directories(scratch_ / "good");
  std::filesystem::copy(scratch_ / "pictures", scratch_ / "good", std::filesystem::copy_options::recursive);
  std::filesystem::remove(scratch_ / "good/b/2.jpg");
  const auto arguments = tiny_run(
      "run", 4, {"data.train=pictures", "data.val=good", "train.size=16", "data.on_corrupt=substitute"});
  const ProcessResult result = run_convfirst(arguments, {.folder = scratch_.path()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::string words = "corrupt image 1, replaced by the next of its class: pictures/b/2.jpg";
  for (const std::string& text : {result.err, read_bytes(scratch_ / "run/log.txt")}) {
    EXPECT_NE(text.find(words), std::string::npos) << text;
    EXPECT_EQ(text.find(words), text.rfind(words)) << text;
  }
}

class BadIdx : public BadData {
 protected:
  static std::string idx(int rank, int count, int side, const std::string& values) {
    std::string out("\0\0\x08", 3);
    out += static_cast<char>(rank);
    const auto add = [&](int extent) { out += "\0\0\0"s + static_cast<char>(extent); };
    add(count);
    for (int i = 1; i < rank; ++i) add(side);
    return out + values;
  }

  void write_pair(const std::string& labels, int images) {
    std::filesystem::create_directories(scratch_ / "idx");
    for (const char* split : {"train", "t10k"}) {
      const auto stem = concat("idx/", split);
      write_bytes(scratch_ / (stem + "-images-idx3-ubyte"),
                  idx(3, images, 8, std::string(static_cast<std::size_t>(64 * images), '\x55')));
      write_bytes(scratch_ / (stem + "-labels-idx1-ubyte"),
                  idx(1, static_cast<int>(labels.size()), 0, labels));
    }
  }
};

TEST_F(BadIdx, ALabelOutsideTheClassesIsNamedWithItsPlace) {
  write_pair("\1\2\x0a\3"s, 4);  // digits have ten classes
  refuse_training("idx", {"train-labels-idx1-ubyte", "10", "#2"});
}

TEST_F(BadIdx, AsManyLabelsAsImages) {
  write_pair("\1\2\3"s, 4);
  refuse_training("idx", {"4 images", "3 labels"});
}

TEST_F(BadIdx, ATruncatedFile) {
  write_pair("\1\2\3\4"s, 4);
  const auto path = scratch_ / "idx/train-images-idx3-ubyte";
  write_bytes(path, read_bytes(path).substr(0, 100));
  refuse_training("idx", {"train-images-idx3-ubyte", "256 bytes", "84"});
}

class BadInput : public TrainedRun {};

TEST_F(BadInput, EvaluationOnOtherClasses) {
  for (const char* name : {"cat", "dog"}) {
    std::filesystem::create_directories(*this / "animals" / name);
    data::write_png(*this / "animals" / name / "1.png", random_image(24, 1, 1));
  }
  refuse({"eval", "run", "--data", "animals"}, 3, {"animals has 2 classes", "trained on 4"});
  for (const char* name : {"class 0", "class 2"}) {
    std::filesystem::create_directories(*this / "animals" / name);
    data::write_png(*this / "animals" / name / "1.png", random_image(24, 1, 1));
  }
  refuse({"eval", "run", "--data", "animals"}, 3, {"class 0 is 'cat'", "'class 0'"});
  refuse({"eval", "run", "--data", "nothere"}, 3, {"nothere", "does not exist"});
}

TEST_F(BadInput, EvaluationWithValuesOutOfRange) {
  refuse({"eval", "run", "--size", "3"}, 2, {"3x3", "at least 4"});
  refuse({"eval", "run", "--size", "24,big"}, 2, {"--size", "'24,big'"});
  refuse({"eval", "run", "--batch", "-1"}, 2, {"--batch is -1"});
  refuse({"eval", "run", "--weights", "best"}, 2, {"'best'", "auto, raw or ema"});
  refuse({"eval", "run", "--per-class", "nothere/classes.csv"}, 2,
         {"cannot write nothere/classes.csv: No such file"});
  for (const char* percent : {"-1", "101", "nan"}) {
    refuse({"eval", "run", "--assert-top1", percent}, 2, {"--assert-top1 is ", "from 0 to 100"});
  }
  refuse({"eval", "run", "--size", "2000000000"}, 2, {"too big", "65536"});
  refuse({"model", "info", "pico", "--size", "2000000000"}, 2, {"too big", "65536"});
  refuse({"model", "info", "pico", "--size", "15"}, 2, {"15x15", "at least 16"});
  refuse({"model", "info", "run", "--set", "model.classes=9"}, 2, {"--set", "run"});
}

TEST_F(BadInput, PredictionOfWhatIsNoImage) {
  write_bytes(*this / "text.jpg", "hello");
  std::filesystem::create_directories(*this / "empty/below");
  write_jpeg(*this / "empty/below/a.jpg", random_image(24, 3, 1));
  refuse({"predict", "run", "nothere.jpg"}, 3, {"nothere.jpg", "no such file"});
  refuse({"predict", "run", "text.jpg"}, 3, {"text.jpg is neither JPEG nor PNG", "5 bytes"});
  refuse({"predict", "run", "empty"}, 3, {"empty", "no image files"});
  const std::string jpeg = read_bytes(*this / "empty/below/a.jpg");
  write_bytes(*this / "half.jpg", jpeg.substr(0, jpeg.size() / 2));
  refuse({"predict", "run", "half.jpg"}, 3, {"half.jpg"});
}

TEST_F(BadInput, PredictionOfAWrongTensor) {
  write_tensor(*this / "y.safetensors", "y", {1, 1, 24, 24}, std::vector<float>(576));
  refuse({"predict", "run", "y.safetensors"}, 3, {"y.safetensors", "no tensor x"});
  write_tensor(*this / "rgb.safetensors", "x", {1, 3, 24, 24}, std::vector<float>(3 * 576));
  refuse({"predict", "run", "rgb.safetensors"}, 3, {"x is [1,3,24,24]", "[N,1,H,W]"});
  write_tensor(*this / "tiny.safetensors", "x", {1, 1, 3, 24}, std::vector<float>(72));
  refuse({"predict", "run", "tiny.safetensors"}, 2, {"3x24", "at least 4"});
  refuse({"predict", "run", "tiny.safetensors", "rgb.safetensors"}, 2, {"a tensor is predicted alone"});
  write_bytes(*this / "text.safetensors", "hello");
  refuse({"predict", "run", "text.safetensors"}, 3, {"text.safetensors"});
}

TEST_F(BadInput, PredictionWithValuesOutOfRange) {
  data::write_png(*this / "a.png", random_image(24, 1, 1));
  refuse({"predict", "run", "a.png", "--topk", "0"}, 2, {"--topk is 0"});
  refuse({"predict", "run", "a.png", "--size", "-2"}, 2, {"--size is -2"});
  refuse({"predict", "run", "a.png", "--size", "2000000000"}, 2, {"too big", "65536"});
  refuse({"predict", "run", "a.png", "--format", "xml"}, 2, {"'xml'", "table, csv or jsonl"});
}

}  // namespace
}  // namespace cf
