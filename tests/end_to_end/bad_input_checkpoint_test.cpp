// Checkpoints that are none, or of another network.
#include "framework/state/safetensors_file.h"
#include "tests/end_to_end/command_checks.h"
#include "tests/end_to_end/prediction_files.h"

namespace cf {
namespace {

class BadCheckpoint : public TrainedRun {
 protected:
  std::filesystem::path last() const { return *this / "run/checkpoints/last"; }

  std::string tensor(const std::string& name) const {
    const SafetensorsReader file(last());
    std::string bytes(static_cast<std::size_t>(byte_count(*file.find(name))), '\0');
    file.read(name, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }

  // A run that starts from "bad" ends with 7 and these words.
  void refuse_to_start(const std::string& words) const {
    const ProcessResult result =
        run_convfirst(tiny_run("started", 4, {"model.init=bad"}), {.folder = folder()});
    EXPECT_EQ(result.exit_code, 7);
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
  }

  // Writes "bad", the last checkpoint with one bit flipped in the middle of what it holds of `part`.
  void damage(const std::string& part) const {
    std::string bytes = read_bytes(last());
    const auto at = bytes.find(part);
    ASSERT_NE(at, std::string::npos);
    bytes[at + part.size() / 2] ^= 1;
    write_bytes(*this / "bad", bytes);
  }
};

TEST_F(BadCheckpoint, AFileThatIsNone) {
  write_bytes(*this / "notes.txt", "what I did last summer, and more of that");
  output({"ckpt", "export", "run", "-o", "w.safetensors"});
  for (const Arguments& command : {Arguments{"eval"}, {"ckpt", "info"}, {"ckpt", "verify"}}) {
    Arguments arguments = command;
    arguments.emplace_back("notes.txt");
    refuse(arguments, 7, {"notes.txt", "not a safetensors file"});
  }
  refuse({"predict", "notes.txt", "run"}, 7, {"notes.txt", "not a safetensors file"});
  refuse({"eval", "w.safetensors"}, 7, {"w.safetensors", "no checkpoint", "ckpt import"});
  refuse({"ckpt", "export", "w.safetensors", "-o", "v.safetensors"}, 7, {"no checkpoint"});
  refuse({"ckpt", "verify", "w.safetensors"}, 7, {"w.safetensors", "no checksums"});
}

TEST_F(BadCheckpoint, APathThatIsNotThere) {
  std::filesystem::create_directories(*this / "empty");
  refuse({"eval", "nothere"}, 7, {"nothere", "no such checkpoint"});
  refuse({"eval", "empty"}, 7, {"empty", "checkpoints/last"});
  refuse({"ckpt", "info", "nothere"}, 7, {"nothere"});
  refuse({"plot", "empty", "-o", "report.html"}, 3, {"empty/metrics.jsonl", "not the folder of a run"});
}

TEST_F(BadCheckpoint, ATruncatedOne) {
  const std::string bytes = read_bytes(*this / "run/checkpoints/last");
  write_bytes(*this / "half", bytes.substr(0, bytes.size() / 2));
  refuse({"eval", "half"}, 7, {"half"});
  refuse({"ckpt", "verify", "half"}, 7, {"half"});
}

// A configuration that reads well, but is not the one that was written.
TEST_F(BadCheckpoint, WithADamagedHeader) {
  damage("channels = 1");
  for (const Arguments& command : {Arguments{"eval", "bad"},
                                   {"predict", "bad", "run"},
                                   {"ckpt", "info", "bad"},
                                   {"ckpt", "export", "bad", "-o", "w.safetensors"}}) {
    refuse(command, 7, {"bad: the header is damaged"});
  }
  refuse_to_start("bad: the header is damaged");
}

TEST_F(BadCheckpoint, WithADamagedTensor) {
  damage(tensor("ema.head.classifier.weight"));
  for (const Arguments& command : {Arguments{"eval", "bad"},
                                   {"predict", "bad", "run"},
                                   {"ckpt", "export", "bad", "-o", "w.safetensors"}}) {
    refuse(command, 7, {"bad: tensor 'ema.head.classifier.weight' is damaged"});
  }
  damage(tensor("model.head.classifier.weight"));
  refuse({"eval", "bad", "--weights", "raw"}, 7, {"bad: tensor 'model.head.classifier.weight' is damaged"});
  refuse_to_start("bad: tensor 'model.head.classifier.weight' is damaged");
}

TEST_F(BadCheckpoint, WithoutItsChecksums) {
  damage("crc32c");
  refuse({"eval", "bad"}, 7, {"bad", "its checksums are not there"});
}

// In eval and predict by a changed width inside the checkpoint.
TEST_F(BadCheckpoint, OfAnotherArchitecture) {
  output({"ckpt", "export", "run", "-o", "w.safetensors"});
  refuse({"ckpt", "import", "w.safetensors", "--config", "pico", "-o", "other"}, 7,
         {"stem.conv.weight is [8,1,2,2]", "wants [16,1,2,2]", "another architecture"});
  const SafetensorsReader file(last());
  Metadata metadata = file.metadata();
  std::string& config = metadata.at("config");
  const std::string from = "widths = [8, 16]";
  ASSERT_NE(config.find(from), std::string::npos);
  config.replace(config.find(from), from.size(), "widths = [8, 24]");
  std::map<std::string, std::string> tensors;
  for (const auto& entry : file.entries()) tensors[entry.name] = tensor(entry.name);
  std::vector<TensorSource> sources;
  for (const auto& entry : file.entries()) {
    sources.push_back({entry, std::as_bytes(std::span<const char>(tensors.at(entry.name)))});
  }
  write_safetensors(*this / "other", sources, metadata, {SyncPolicy::Cached, true});
  for (const Arguments& command : {Arguments{"eval", "other"}, {"predict", "other", "run"}}) {
    refuse(command, 7,
           {"stages.1.down.conv.weight is [16,8,2,2]", "wants [24,8,2,2]", "another architecture"});
  }
}

TEST_F(BadCheckpoint, OfAnotherArchitectureInResume) {
  Arguments arguments = tiny_run("wider", 8, {"model.widths=[16,24]"});
  arguments.insert(arguments.end(), {"--resume", "run/checkpoints/last", "--force"});
  const auto before = all_contents_of(*this / "run");
  const ProcessResult result = run_convfirst(arguments, {.folder = folder()});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_NE(result.err.find("model.stem.conv.weight is [8,1,2,2], the configuration wants [16,1,2,2]"),
            std::string::npos)
      << result.err;
  EXPECT_TRUE(all_contents_of(*this / "run") == before);
}

TEST_F(BadCheckpoint, WeightsThatCannotBeReadOrWritten) {
  refuse({"ckpt", "import", "nothere.safetensors", "--config", "run/config.toml", "-o", "c"}, 7,
         {"nothere.safetensors"});
  refuse({"ckpt", "export", "run", "-o", "nothere/w.safetensors"}, 7, {"cannot write nothere/w.safetensors"});
  refuse({"ckpt", "export", "run"}, 2, {"--out"});
  refuse({"ckpt", "import", "nothere.safetensors", "-o", "c"}, 2, {"--config"});
  refuse({"plot", "run", "-o", "nothere/report.html"}, 2, {"cannot write nothere/report.html"});
}

TEST_F(BadCheckpoint, AveragesThatARunDidNotKeep) {
  const ProcessResult result = run_convfirst(tiny_run("plain", 4, {"ema.decay=0"}), {.folder = folder()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  refuse({"eval", "plain", "--weights", "ema"}, 7, {"no averaged weights"});
}

}  // namespace
}  // namespace cf
