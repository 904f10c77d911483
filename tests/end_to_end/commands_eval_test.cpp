// convfirst eval, and eval against predict.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/prediction_files.h"

namespace cf {
namespace {

using nlohmann::json;

class CommandEval : public TrainedRun {};

TEST_F(CommandEval, SaysTheAccuracyInOneLine) {
  const auto lines = lines_of(output({"eval", "run"}));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("size 24  images 64  top1 ")) << lines[0];
}

TEST_F(CommandEval, JsonHasOneObjectPerSize) {
  const auto lines = lines_of(output({"eval", "run", "--json", "--size", "16,24,33"}));
  ASSERT_EQ(lines.size(), 3U);
  const int sizes[] = {16, 24, 33};
  for (std::size_t i = 0; i < 3; ++i) {
    const json row = json::parse(lines[i]);
    EXPECT_EQ(row["size"], sizes[i]);
    EXPECT_EQ(row["images"], 64);
    EXPECT_DOUBLE_EQ(row["top1"], row["correct1"].get<double>() / 64);
    EXPECT_EQ(row["correct5"], 64);  // of 4 classes
  }
}

TEST_F(CommandEval, TheResultDoesNotDependOnTheBatchOrTheThreads) {
  const auto run = [&](const std::string& batch, const std::string& threads) {
    json row = json::parse(output({"eval", "run", "--json", "--batch", batch, "--threads", threads}));
    return std::pair(row["correct1"].get<int>(), row["loss"].get<double>());
  };
  const auto expected = run("64", "1");
  for (const auto& [batch, threads] : {std::pair("7", "1"), std::pair("1", "1"), std::pair("64", "2")}) {
    const auto actual = run(batch, threads);
    EXPECT_EQ(actual.first, expected.first) << batch;
    EXPECT_NEAR(actual.second, expected.second, 1e-5) << batch;
  }
}

TEST_F(CommandEval, FusedBlocksAndLayersAgree) {
  const auto run = [&](const std::string& fusion) {
    return json::parse(output({"eval", "run", "--json", "--fusion", fusion}));
  };
  const json layers = run("off"), plan = run("auto");
  EXPECT_EQ(layers["fused_blocks"], 0);
  EXPECT_GT(plan["fused_blocks"], 0);
  EXPECT_EQ(plan["correct1"], layers["correct1"]);
  EXPECT_NEAR(plan["loss"].get<double>(), layers["loss"].get<double>(), 1e-5);
  EXPECT_EQ(run("require"), plan);
  refuse({"eval", "run", "--fusion", "on"}, 2, {"--fusion is 'on'", "auto, off or require"});
}

// What a GPU trained in bfloat16, a CPU evaluates in float32, and is not told to do otherwise.
TEST_F(CommandEval, ACpuTakesCheckpointsOfEveryPrecision) {
  output({"ckpt", "export", "run", "-o", "weights.safetensors"});
  output({"ckpt", "import", "weights.safetensors", "--config", "run/config.toml", "--set",
          "precision.compute=bf16", "-o", "bf16"});
  const auto loss = [&](const std::string& checkpoint) {
    return json::parse(output({"eval", checkpoint, "--json", "--device", "cpu"}))["loss"].get<double>();
  };
  EXPECT_EQ(loss("bf16"), loss("run"));
  refuse({"eval", "bf16", "--device", "cpu", "--precision", "bf16"}, 2, {"'bf16'", "float32"});
  output({"ckpt", "export", "bf16", "-o", "again.safetensors"});
  EXPECT_EQ(read_bytes(*this / "again.safetensors"), read_bytes(*this / "weights.safetensors"));
}

TEST_F(CommandEval, PerClassFileAddsUp) {
  const json total = json::parse(
      lines_of(output({"eval", "run", "--json", "--size", "24,32", "--per-class", "classes.csv"}))[1]);
  const auto rows = lines_of(read_bytes(*this / "classes.csv"));
  ASSERT_EQ(rows.size(), 1U + 2 * 4);
  EXPECT_EQ(rows[0], "size,class,name,images,correct,top1");
  int correct = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    const std::string& row = rows[5 + k];
    const std::string start = concat("32,", k, ",\"class ", k, "\",16,");
    ASSERT_TRUE(row.starts_with(start)) << row;
    correct += std::stoi(row.substr(start.size()));
  }
  EXPECT_EQ(total["correct1"], correct);
}

TEST_F(CommandEval, AssertTop1PassesOrEndsWith8) {
  output({"eval", "run", "--assert-top1", "0"});
  const ProcessResult result = run_convfirst({"eval", "run", "--assert-top1", "100"}, {.folder = folder()});
  EXPECT_EQ(result.exit_code, 8);
  EXPECT_NE(result.err.find("below --assert-top1 100"), std::string::npos) << result.err;
  EXPECT_NE(result.out.find("top1"), std::string::npos);  // the result is printed all the same
}

TEST_F(CommandEval, RawAndAveragedWeightsAreChosenByName) {
  const auto weights = [&](const std::string& which) {
    const json row = json::parse(output({"eval", "run/checkpoints/last", "--json", "--weights", which}));
    return std::pair(row["weights"].get<std::string>(), row["loss"].get<double>());
  };
  const auto raw = weights("raw"), ema = weights("ema");
  EXPECT_EQ(raw.first, "raw");
  EXPECT_EQ(ema.first, "ema");
  EXPECT_NE(raw.second, ema.second);
  EXPECT_EQ(weights("auto"), ema);
}

// Loss and accuracy of eval from the logits that predict writes for the same images, as files and as a
// tensor.
TEST_F(CommandEval, AgreesWithPredictOnFilesAndOnATensor) {
  constexpr int kSide = 24, kClasses = 4, kEach = 3;
  constexpr double kMean = 0.449, kDeviation = 0.226;  // ImageNet's colours averaged, for one channel
  std::vector<float> x;
  Arguments predict_files = {"predict", "run/checkpoints/last", "--logits", "files.safetensors"};
  for (int k = 0; k < kClasses; ++k) {
    const std::string name = concat("images/class ", k);
    std::filesystem::create_directories(*this / name);
    for (int i = 0; i < kEach; ++i) {
      const data::Image image = random_image(kSide, 1, static_cast<std::uint64_t>(10 * k + i));
      data::write_png(*this / concat(name, "/", i, ".png"), image);
      predict_files.push_back(concat(name, "/", i, ".png"));
      for (const auto pixel : image.pixels) {
        x.push_back(static_cast<float>((static_cast<double>(pixel) / 255 - kMean) / kDeviation));
      }
    }
  }
  write_tensor(*this / "x.safetensors", "x", {kClasses * kEach, 1, kSide, kSide}, x);
  output(predict_files);
  output({"predict", "run/checkpoints/last", "x.safetensors", "--logits", "tensor.safetensors"});
  const auto from_files = read_tensor_values(*this / "files.safetensors", "logits");
  const auto from_tensor = read_tensor_values(*this / "tensor.safetensors", "logits");
  ASSERT_EQ(from_files.size(), static_cast<std::size_t>(kClasses * kEach * kClasses));
  double loss = 0;
  int correct = 0;
  for (std::size_t n = 0; n < static_cast<std::size_t>(kClasses * kEach); ++n) {
    const float* row = from_files.data() + n * kClasses;
    const std::size_t label = n / kEach;
    double sum = 0;
    for (std::size_t k = 0; k < kClasses; ++k) {
      sum += std::exp(static_cast<double>(row[k]));
      EXPECT_NEAR(from_tensor[n * kClasses + k], row[k], 1e-4F * (1 + std::abs(row[k])));
    }
    loss += std::log(sum) - static_cast<double>(row[label]);
    correct += std::max_element(row, row + kClasses) == row + label;
  }
  const json row = json::parse(output({"eval", "run/checkpoints/last", "--data", "images", "--json"}));
  EXPECT_EQ(row["images"], kClasses * kEach);
  EXPECT_EQ(row["correct1"], correct);
  EXPECT_NEAR(row["loss"].get<double>(), loss / (kClasses * kEach), 1e-5);
}

}  // namespace
}  // namespace cf
