// What every command answers without doing anything: help, keys, configurations, descriptions of networks.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "tests/end_to_end/command_checks.h"

namespace cf {
namespace {

using nlohmann::json;

Arguments words_of(std::string_view text) {
  Arguments words;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(' ', at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

TEST(CommandHelp, EveryCommandShowsItsExampleFirst) {
  for (const apps::Command& command : apps::commands()) {
    SCOPED_TRACE(std::string(command.name));
    Arguments arguments = words_of(command.name);
    arguments.emplace_back("--help");
    const ProcessResult result = run_convfirst(arguments);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_TRUE(result.out.starts_with(concat("Example:  ", command.example, "\n"))) << result.out;
    EXPECT_NE(result.out.find(concat("Usage: convfirst ", command.name)), std::string::npos) << result.out;
    EXPECT_EQ(result.err, "");
  }
}

TEST(CommandHelp, ListsAllCommandsWithinASecond) {
  double fastest = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const ProcessResult result = run_convfirst({"--help"});
    fastest =
        std::min(fastest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    EXPECT_EQ(result.exit_code, 0);
    for (const apps::Command& command : apps::commands()) {
      EXPECT_NE(result.out.find(concat("  ", command.name, " ")), std::string::npos) << command.name;
    }
  }
  EXPECT_LT(fastest, 1);
}

TEST(CommandHelp, AGroupListsItsMembers) {
  const ProcessResult result = run_convfirst({"ckpt", "--help"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("ckpt export"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("train "), std::string::npos) << result.out;
}

TEST(CommandHelp, VersionIsOneLine) {
  const ScratchFolder scratch;
  const auto lines = lines_of(output_of({"--version"}, scratch.path()));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].starts_with("convfirst ")) << lines[0];
}

TEST(CommandTrain, HelpKeysListsEveryKeyAndPrintConfigPrintsEachOfThem) {
  const ScratchFolder scratch;
  const std::string keys = output_of({"train", "--help-keys"}, scratch.path());
  const std::string config =
      output_of({"train", "synthetic.toml", "--set", "optimizer.lr=0.25", "--print-config"}, scratch.path());
  EXPECT_NE(config.find("lr = 0.25"), std::string::npos) << config;
  EXPECT_NE(config.find("# --set"), std::string::npos) << config;
  int count = 0;
  for (const auto& line : lines_of(keys)) {
    if (!line.starts_with("| `") || line.find("`extends`") != std::string::npos) continue;
    const std::string key = line.substr(3, line.find('`', 3) - 3);
    const std::string name = key.substr(key.rfind('.') + 1);
    EXPECT_NE(("\n" + config).find("\n" + name + " = "), std::string::npos) << key;
    ++count;
  }
  EXPECT_GT(count, 40);
  EXPECT_TRUE(all_contents_of(scratch.path()).empty());
}

TEST(CommandTrain, APrintedConfigurationGivesItselfAgain) {
  const ScratchFolder scratch;
  write_bytes(scratch / "a.toml",
              output_of({"train", "fashion_mnist.toml", "--print-config"}, scratch.path()));
  const std::string again = output_of({"train", "a.toml", "--print-config"}, scratch.path());
  const auto values_of = [](const std::string& text) {
    std::vector<std::string> values;
    for (const auto& line : lines_of(text)) values.push_back(line.substr(0, line.find(" #")));
    for (auto& value : values) value.erase(value.find_last_not_of(' ') + 1);
    return values;
  };
  EXPECT_EQ(values_of(again), values_of(read_bytes(scratch / "a.toml")));
}

TEST(CommandTrain, DryRunSaysWhatWouldBeDoneAndDoesNothing) {
  const ScratchFolder scratch;
  Arguments arguments = tiny_run("run", 20);
  arguments.emplace_back("--dry-run");
  const std::string text = output_of(arguments, scratch.path());
  for (const char* part : {"256 images, 4 classes", "64 images", "32 images, batch norm over 16",
                           "20, 8 per epoch", "weights, gradients, optimizer and averages "}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
  EXPECT_TRUE(all_contents_of(scratch.path()).empty());
}

TEST(CommandTrain, DryRunFailsWhereTheRunWould) {
  const ScratchFolder scratch;
  const auto refuse = [&](const std::vector<std::string>& settings, const Arguments& more, int exit_code,
                          std::initializer_list<std::string_view> words) {
    Arguments arguments = tiny_run("run", 20, settings);
    arguments.emplace_back("--dry-run");
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_refused(scratch.path(), arguments, exit_code, words);
  };
  refuse({"data.train="}, {}, 2, {"data.train is not set"});
  refuse({"data.val=nothere"}, {}, 3, {"data.val", "nothere", "does not exist"});
  refuse({"model.classes=5"}, {}, 2, {"model.classes is 5", "4 classes"});
  refuse({"precision.compute=bf16"}, {"--device", "cpu"}, 2, {"precision.compute"});
  refuse({}, {"--device", "gpu"}, 2, {"--device", "'gpu'"});
  refuse({"model.fusion=require", "model.activation=silu"}, {"--device", "cpu"}, 2, {"model.fusion", "relu"});
  refuse({}, {"--device", "cpu", "--ranks", "3"}, 2, {"3 ranks", "train.norm_batch"});
  refuse(
      {"model.blocks=[\"convfirst\"]", "model.widths=[65536]", "model.depths=[1000]", "model.expansion=[8]"},
      {"--device", "cpu"}, 4, {"out of memory"});
  write_bytes(scratch / "run", "not a folder");
  refuse({}, {}, 2, {"--out run", "not a folder"});
}

// Published numbers of the presets: parameters of pico, multiply-accumulates at the size they are quoted for.
TEST(CommandModel, InfoGivesThePublishedCosts) {
  const ScratchFolder scratch;
  const auto info = [&](const std::string& name, const std::string& size) {
    return json::parse(output_of({"model", "info", name, "--size", size, "--json"}, scratch.path()));
  };
  const json pico = info("pico", "32");
  EXPECT_EQ(pico["parameters"], 169710);
  EXPECT_NEAR(pico["macs"].get<double>() / 1e6, 2.86, 0.005);
  for (const auto& [name, giga] : {std::pair("nano", 0.572), std::pair("tiny", 1.063),
                                   std::pair("small", 2.180), std::pair("base", 5.123)}) {
    EXPECT_NEAR(info(name, "224")["macs"].get<double>() / 1e9, giga, 0.0005) << name;
  }
}

TEST(CommandModel, InfoFollowsALinkToATomlFile) {
  const ScratchFolder scratch;
  write_bytes(scratch / "mine.toml", "extends = \"convfirstnet_pico.toml\"\n");
  std::filesystem::create_symlink("mine.toml", scratch / "link.toml");
  EXPECT_EQ(output_of({"model", "info", "link.toml"}, scratch.path()),
            output_of({"model", "info", "pico"}, scratch.path()));
}

TEST(CommandModel, LayersAddUpToTheTotal) {
  const ScratchFolder scratch;
  const json info = json::parse(output_of({"model", "info", "nano", "--json"}, scratch.path()));
  EXPECT_EQ(info["size"], 224);
  for (const char* quantity : {"parameters", "macs", "activations"}) {
    std::int64_t sum = 0;
    for (const auto& layer : info["layers"]) sum += layer[quantity].get<std::int64_t>();
    EXPECT_EQ(info[quantity], sum) << quantity;
  }
}

TEST(CommandModel, ListNamesEveryPreset) {
  const ScratchFolder scratch;
  const std::string text = output_of({"model", "list"}, scratch.path());
  for (const char* name : {"pico", "nano", "tiny", "small", "base"}) {
    EXPECT_NE(text.find(concat("\n", name, " ")), std::string::npos) << text;
    EXPECT_NE(output_of({"model", "info", name}, scratch.path()).find("parameters"), std::string::npos);
  }
}

class CommandPlot : public TrainedRun {};

TEST_F(CommandPlot, WritesAReportThatNeedsNothingElse) {
  EXPECT_EQ(output({"plot", "run", "-o", "report.html"}), "report.html\n");
  const std::string html = read_bytes(*this / "report.html");
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>") || html.starts_with("<!doctype html>"))
      << html.substr(0, 80);
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_EQ(html.find("src=\"http"), std::string::npos);
  EXPECT_EQ(html.find("href=\"http"), std::string::npos);
}

TEST_F(CommandPlot, AFullDiskLeavesNoPartOfAReport) {
  const ProcessResult result =
      run_convfirst({"plot", "run", "-o", "report.html"}, {.folder = folder(), .max_file_bytes = 8192});
  EXPECT_EQ(result.exit_code, kUsageError);
  EXPECT_NE(result.err.find("cannot write report.html: File too large"), std::string::npos) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_FALSE(std::filesystem::exists(*this / "report.html"));
}

TEST_F(CommandPlot, ModelInfoTakesARunOrACheckpoint) {
  const json of_run = json::parse(output({"model", "info", "run", "--json"}));
  EXPECT_EQ(json::parse(output({"model", "info", "run/checkpoints/last", "--json"})), of_run);
  EXPECT_EQ(json::parse(output({"model", "info", "run/config.toml", "--json"})), of_run);
}

}  // namespace
}  // namespace cf
