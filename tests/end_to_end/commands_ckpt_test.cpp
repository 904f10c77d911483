// convfirst ckpt info, verify, export, import; training that starts from weights.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/prediction_files.h"

namespace cf {
namespace {

using nlohmann::json;

class CommandCkpt : public TrainedRun {
 protected:
  std::vector<float> logits_of(const std::string& checkpoint, const std::string& weights) const {
    if (!std::filesystem::exists(*this / "x.safetensors")) {
      std::vector<float> x(5 * 24 * 24);
      Philox random(8, Purpose::Test);
      for (float& v : x) v = random.normal();
      write_tensor(*this / "x.safetensors", "x", {5, 1, 24, 24}, x);
    }
    output({"predict", checkpoint, "x.safetensors", "--weights", weights, "--logits", "logits.safetensors"});
    return read_tensor_values(*this / "logits.safetensors", "logits");
  }
};

TEST_F(CommandCkpt, InfoSaysWhatTheFileHolds) {
  const std::string text = output({"ckpt", "info", "run/checkpoints/last"});
  for (const char* part : {"4 classes", "step        8 (1.00 epochs)", "best top-1", "best ema"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
  const json info = json::parse(output({"ckpt", "info", "run/checkpoints/last", "--json", "--tensors"}));
  EXPECT_EQ(info["step"], 8);
  EXPECT_EQ(info["classes"].size(), 4U);
  EXPECT_TRUE(info["has_ema"]);
  const auto& tensors = info["tensors"];
  const bool has_stem = std::any_of(tensors.begin(), tensors.end(), [](const json& tensor) {
    return tensor["name"] == "model.stem.conv.weight" && tensor["shape"] == json({8, 1, 2, 2});
  });
  EXPECT_TRUE(has_stem);
}

TEST_F(CommandCkpt, InfoPrintsAConfigurationThatTrainsTheSame) {
  write_bytes(*this / "again.toml", output({"ckpt", "info", "run", "--config"}));
  EXPECT_EQ(read_bytes(*this / "again.toml"), read_bytes(*this / "run/config.toml"));
  const ProcessResult result = run_convfirst({"train", "again.toml", "--out", "run"}, {.folder = folder()});
  EXPECT_EQ(result.exit_code, 0) << result.err;  // nothing has changed, nothing is left to do
}

TEST_F(CommandCkpt, VerifyFindsAFlippedBit) {
  EXPECT_NE(output({"ckpt", "verify", "run/checkpoints/last"}).find("all checksums match"),
            std::string::npos);
  std::string bytes = read_bytes(*this / "run/checkpoints/last");
  bytes[bytes.size() - 100] = static_cast<char>(bytes[bytes.size() - 100] ^ 4);
  write_bytes(*this / "bad.safetensors", bytes);
  refuse({"ckpt", "verify", "bad.safetensors"}, 7, {"bad.safetensors", "checksum"});
}

TEST_F(CommandCkpt, ExportThenImportGivesEqualLogits) {
  for (const char* weights : {"raw", "ema"}) {
    const std::string exported = concat(weights, ".safetensors"), imported = concat(weights, ".imported");
    EXPECT_EQ(output({"ckpt", "export", "run/checkpoints/last", "--weights", weights, "-o", exported}),
              exported + "\n");
    EXPECT_EQ(output({"ckpt", "import", exported, "--config", "run/config.toml", "-o", imported}),
              imported + "\n");
    output({"ckpt", "verify", imported});
    EXPECT_EQ(logits_of(imported, "auto"), logits_of("run/checkpoints/last", weights));
  }
  EXPECT_NE(logits_of("run/checkpoints/last", "raw"), logits_of("run/checkpoints/last", "ema"));
}

TEST_F(CommandCkpt, NothingIsOverwritten) {
  output({"ckpt", "export", "run", "-o", "w.safetensors"});
  refuse({"ckpt", "export", "run", "-o", "w.safetensors"}, 2, {"w.safetensors", "exists"});
  refuse({"ckpt", "import", "w.safetensors", "--config", "run/config.toml", "-o", "w.safetensors"}, 2,
         {"w.safetensors", "exists"});
}

// Without names eval goes by the number of classes, and predict counts them.
TEST_F(CommandCkpt, ImportedWeightsCarryNamesOnlyWhereTheyAreGiven) {
  output({"ckpt", "export", "run", "-o", "w.safetensors"});
  output({"ckpt", "import", "w.safetensors", "--config", "run/config.toml", "-o", "unnamed"});
  for (const char* name : {"cat", "cow", "dog", "hen"}) {
    std::filesystem::create_directories(*this / "animals" / name);
    data::write_png(*this / "animals" / name / "1.png", random_image(24, 1, 1));
  }
  output(
      {"ckpt", "import", "w.safetensors", "--config", "run/config.toml", "--data", "animals", "-o", "named"});
  EXPECT_TRUE(lines_of(output({"eval", "unnamed", "--data", "animals"}))[0].starts_with("size 24  images 4"));
  EXPECT_TRUE(lines_of(output({"eval", "named", "--data", "animals"}))[0].starts_with("size 24  images 4"));
  refuse({"eval", "named"}, 3, {"class 0 is 'class 0'", "'cat'"});
  EXPECT_NE(output({"predict", "unnamed", "animals/cat"}).find("class 3"), std::string::npos);
  EXPECT_NE(output({"predict", "named", "animals/cat"}).find("hen"), std::string::npos);
  EXPECT_NE(output({"ckpt", "info", "unnamed"}).find("4 classes without names"), std::string::npos);
}

TEST_F(CommandCkpt, EvalOfAnImportAsksForDataWhereTheConfigurationNamesNone) {
  output({"ckpt", "export", "run", "-o", "w.safetensors"});
  Arguments arguments = {"ckpt", "import", "w.safetensors", "--config", "run/config.toml", "-o", "imported"};
  arguments.insert(arguments.end(), {"--set", "data.val="});
  output(arguments);
  refuse({"eval", "imported"}, 2, {"eval needs --data PATH"});
}

TEST_F(CommandCkpt, ImportRefusesTensorsThatTheNetworkLacks) {
  output({"ckpt", "export", "run", "-o", "w.safetensors"});
  refuse({"ckpt", "import", "w.safetensors", "--config", "run/config.toml", "--set", "model.depths=[1,2]",
          "-o", "deeper"},
         7, {"no tensor stages.1.blocks.1.expand.weight [32,16,1,1]"});
  const Arguments deep = tiny_run("deep", 4, {"model.depths=[1,2]"});
  ASSERT_EQ(run_convfirst(deep, {.folder = folder()}).exit_code, 0);
  output({"ckpt", "export", "deep", "-o", "deep.safetensors"});
  refuse({"ckpt", "import", "deep.safetensors", "--config", "run/config.toml", "-o", "shallower"}, 7,
         {"stages.1.blocks.1.expand.weight [32,16,1,1]", "not in the configured network"});
}

class CommandInit : public TrainedRun {
 protected:
  CommandInit() { output({"ckpt", "export", "run", "-o", "w.safetensors"}); }

  ProcessResult train(const std::string& into, const std::string& from,
                      std::vector<std::string> settings = {}) const {
    settings.push_back("model.init=" + from);
    return run_convfirst(tiny_run(into, 4, settings), {.folder = folder()});
  }
};

TEST_F(CommandInit, TrainingGoesOnFromExportedWeights) {
  const ProcessResult result = train("more", "w.safetensors", {"optimizer.lr=1e-9", "schedule.warmup=0st"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("loaded 51 of 51 tensors from w.safetensors"), std::string::npos) << result.err;
  // The learning rate is next to nothing: the weights are those that were exported.
  const auto before = read_tensor_values(*this / "w.safetensors", "stem.conv.weight");
  const auto after = read_tensor_values(*this / "more/checkpoints/last", "model.stem.conv.weight");
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i], before[i], 1e-6F);
}

TEST_F(CommandInit, ACheckpointWillDoAsWell) {
  const ProcessResult result = train("more", "run/checkpoints/last");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("loaded 51 of 51 tensors"), std::string::npos) << result.err;
  const ProcessResult of_folder = train("third", "run");
  ASSERT_EQ(of_folder.exit_code, 0) << of_folder.err;
  EXPECT_NE(of_folder.err.find("loaded 51 of 51 tensors from run"), std::string::npos) << of_folder.err;
}

TEST_F(CommandInit, AnotherClassCountGetsANewHead) {
  const ProcessResult result =
      train("more", "w.safetensors",
            {"model.classes=6", "data.train=synthetic:classes=6,size=24,channels=1,samples=96",
             "data.val=synthetic:classes=6,size=24,channels=1,samples=12"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* part : {"loaded 49 of 51 tensors",
                           "head.classifier.weight starts anew: the file has [4,16], the network [6,16]",
                           "head.classifier.bias starts anew: the file has [4], the network [6]"}) {
    EXPECT_NE(result.err.find(part), std::string::npos) << part << " is not in\n" << result.err;
  }
}

TEST_F(CommandInit, AnotherWidthIsRefusedNamingTheFirstTensorAndBothShapes) {
  const auto before = read_bytes(*this / "w.safetensors");
  const ProcessResult result = train("more", "w.safetensors", {"model.widths=[16,24]"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_NE(result.err.find("stem.conv.weight is [8,1,2,2], the configuration wants [16,1,2,2]"),
            std::string::npos)
      << result.err;
  EXPECT_EQ(read_bytes(*this / "w.safetensors"), before);
  EXPECT_FALSE(std::filesystem::exists(*this / "more/checkpoints/last"));
}

}  // namespace
}  // namespace cf
