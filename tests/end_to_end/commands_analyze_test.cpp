// analyze waterline, gap and block as a user runs them.
#include <nlohmann/json.hpp>

#include "tests/end_to_end/command_checks.h"

namespace cf {
namespace {

using nlohmann::json;

constexpr const char* kRow =
    R"({"bench": "infer", "model": "net", "device": "NVIDIA H100 80GB HBM3", "batch": 128, "size": 224,
        "precision": "float16", "how": "layer-wise", "macs_per_image": 2e9, "seconds": {"median": 4e-3}})";

TEST(CommandAnalyze, WaterlinePrintsTableJsonAndPicture) {
  const ScratchFolder scratch;
  const Arguments call = {"analyze", "waterline", "small", "--gpu", "H100", "--precision", "fp16"};
  const std::string text = output_of(call, scratch.path());
  for (const char* part : {"989.4 TFLOP/s", "data sheet", "waterline at",
                           "stages.0.blocks.0 to stages.0.blocks.1, 2 times: convfirst",
                           "convfirst C=64 E=384 56x56", "attainable e", "expand"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
  EXPECT_EQ(text.find("achieved"), std::string::npos) << "nothing was measured";

  Arguments all = call;
  for (const char* word : {"--json", "-o", "w.svg"}) all.emplace_back(word);
  const json out = json::parse(output_of(all, scratch.path()));
  EXPECT_NEAR(out["ridge_flops_per_byte"], 989.4 / 3.35, 1e-6);
  EXPECT_FALSE(out["fused"].contains("achieved_efficiency"));
  const json& block = out["fused"]["parts"][1]["kernels"][0];
  EXPECT_EQ(block["macs"], 401408.0 * (72 * 64 + 12 * 64 * 64));
  EXPECT_EQ(block["bound_by"], "arithmetic");
  EXPECT_EQ(out["layer_wise"]["parts"][1]["kernels"].size(), 3U);
  EXPECT_LT(out["layer_wise"]["attainable_efficiency"], out["fused"]["attainable_efficiency"]);
  EXPECT_TRUE(read_bytes(scratch / "w.svg").starts_with("<svg "));
}

TEST(CommandAnalyze, WaterlineOfTrainingShowsAllPasses) {
  const ScratchFolder scratch;
  const std::string text = output_of({"analyze", "waterline", "small", "--training", "--batch", "256",
                                      "--gpu", "H200", "--set", "optimizer.kind=adamw"},
                                     scratch.path());
  for (const char* part : {"training step, batch 256", "covariance", "fold norms backward", "feed forward",
                           "conv_bn statistics", "se and conv_bn backward", "optimizer", "gradient norm",
                           "loss", "not fused: 11 of the blocks, stages.2.blocks.0 to stages.3.blocks.2"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
}

TEST(CommandAnalyze, WaterlineMeasuresTheProcessorAtHand) {
  const ScratchFolder scratch;
  const json out = json::parse(output_of(
      {"analyze", "waterline", "pico", "--device", "cpu", "--threads", "1", "--size", "16", "--json"},
      scratch.path()));
  for (const char* sequence : {"layer_wise", "fused"}) {
    EXPECT_GT(out[sequence]["achieved_efficiency"], 0);
    for (const json& part : out[sequence]["parts"]) {
      for (const json& kernel : part["kernels"]) EXPECT_GT(kernel["measured_seconds"], 0) << kernel["name"];
    }
  }
}

TEST(CommandAnalyze, WaterlineTakesAMeasuredTime) {
  const ScratchFolder scratch;
  const json macs =
      json::parse(output_of({"model", "info", "pico", "--size", "32", "--json"}, scratch.path()));
  json row = json::parse(kRow);
  row["size"] = 32;
  row["macs_per_image"] = macs["macs"];
  write_bytes(scratch / "row.json", row.dump());
  const Arguments call = {"analyze", "waterline", "pico",       "--gpu",   "H100",
                          "--size",  "32",        "--measured", "row.json"};
  Arguments as_json = call;
  as_json.emplace_back("--json");
  const json out = json::parse(output_of(as_json, scratch.path()));
  EXPECT_NEAR(out["layer_wise"]["achieved_efficiency"].get<double>(),
              2 * 128 * macs["macs"].get<double>() / 989.4e12 / 4e-3, 1e-12);
  EXPECT_FALSE(out["fused"].contains("achieved_efficiency"));
  row["batch"] = 64;
  write_bytes(scratch / "row.json", row.dump());
  expect_refused(scratch.path(), call, 2, {"row.json", "'batch' is 64", "128"});
}

TEST(CommandAnalyze, GapIsActualOverIdeal) {
  const ScratchFolder scratch;
  // As the programs append them: two objects, and rows in an array.
  write_bytes(scratch / "a.json", std::string(kRow) + "\n" +
                                      R"({"checkpoint": "runs/a", "size": 224, "top1": 0.75, "images": 8})");
  json other = json::parse(kRow);
  other["label"] = "<b> & co";
  other["seconds"] = 1e-3;
  other["top1"] = 0.5;
  write_bytes(scratch / "b.json", json::array({other}).dump());
  const json out = json::parse(
      output_of({"analyze", "gap", "a.json", "b.json", "--json", "-o", "gap.svg"}, scratch.path()));
  ASSERT_EQ(out["rows"].size(), 2U);
  EXPECT_EQ(out["rows"][0]["label"], "<b> & co") << "by latency";
  const json& row = out["rows"][1];
  EXPECT_EQ(row["label"], "a");
  EXPECT_EQ(row["top1"], 0.75);
  EXPECT_NEAR(row["ideal_seconds_per_image"].get<double>(), 4e9 / 989.4e12, 1e-15);
  EXPECT_NEAR(row["actual_seconds_per_image"].get<double>(), 4e-3 / 128, 1e-15);
  EXPECT_NEAR(row["efficiency"].get<double>(), 4e9 * 128 / 989.4e12 / 4e-3, 1e-12);
  const std::string svg = read_bytes(scratch / "gap.svg");
  EXPECT_NE(svg.find("&lt;b&gt; &amp; co"), std::string::npos);
  EXPECT_NE(svg.find("top-1"), std::string::npos);
  const std::string text = output_of(
      {"analyze", "gap", "a.json", "--peak", "1000", "--y", "macs", "-o", "gap.svg"}, scratch.path());
  EXPECT_NE(text.find("7.81x"), std::string::npos) << text;
  EXPECT_NE(read_bytes(scratch / "gap.svg").find("GMACs"), std::string::npos);
}

TEST(CommandAnalyze, BlockShowsItsMachine) {
  const ScratchFolder scratch;
  const Arguments call = {"analyze", "block", "convfirst", "64", "--gpu", "H100", "--precision", "fp16"};
  const std::string text = output_of(call, scratch.path());
  for (const char* part : {"convfirst C=64 E=384 56x56, batch 128, float16", "DRAM", "shared memory, L2",
                           "registers", "grouped conv 3x3", "fused, Hopper", "layer-wise"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
  Arguments as_json = call;
  for (const char* word : {"--json", "-o", "b.svg"}) as_json.emplace_back(word);
  const json out = json::parse(output_of(as_json, scratch.path()));
  const double pixels = 128 * 56 * 56;
  EXPECT_EQ(out["fused"]["macs"], pixels * (72 * 64 + 12 * 64 * 64));
  EXPECT_EQ(out["fused"]["dram_bytes"], pixels * 4 * 64 + 2.0 * (72 * 64 + 12 * 64 * 64));
  EXPECT_TRUE(read_bytes(scratch / "b.svg").starts_with("<svg "));
}

// The tables fit on it.
TEST(CommandAnalyze, AFullDiskLeavesNoPartOfAPicture) {
  const ScratchFolder scratch;
  for (const Arguments& call : {Arguments{"analyze", "waterline", "pico", "--gpu", "H100", "-o", "p.svg"},
                                {"analyze", "block", "convfirst", "64", "--gpu", "H100", "-o", "p.svg"}}) {
    const ProcessResult result = run_convfirst(call, {.folder = scratch.path(), .max_file_bytes = 5000});
    EXPECT_EQ(result.exit_code, kUsageError) << call[1];
    EXPECT_NE(result.err.find("cannot write p.svg: File too large"), std::string::npos) << result.err;
    EXPECT_FALSE(std::filesystem::exists(scratch / "p.svg")) << call[1];
  }
}

TEST(CommandAnalyze, BadInputIsNamed) {
  const ScratchFolder scratch;
  const auto refuse = [&](const Arguments& arguments, int exit_code,
                          std::initializer_list<std::string_view> words) {
    Arguments call = {"analyze"};
    call.insert(call.end(), arguments.begin(), arguments.end());
    expect_refused(scratch.path(), call, exit_code, words);
  };
  refuse({}, 2, {"waterline", "gap", "block"});
  refuse({"waterline", "small", "--gpu", "H300"}, 2, {"--gpu is 'H300'", "A5000", "A100", "H200", "RTX4090"});
  refuse({"waterline", "small", "--gpu", "H100", "--precision", "int8"}, 2, {"--precision", "int8"});
  refuse({"waterline", "small", "--gpu", "H100", "--batch", "-1"}, 2, {"--batch is -1"});
  refuse({"waterline", "small", "--gpu", "H100", "--bandwidth", "0"}, 2,
         {"--bandwidth is 0", "more than 0 TB/s"});
  refuse({"block", "convfirst", "64", "--gpu", "H100", "--peak", "-1"}, 2,
         {"--peak is -1", "more than 0 TFLOP/s"});
  refuse({"gap", "no.json", "--peak", "inf"}, 2, {"--peak is inf", "more than 0 TFLOP/s"});
  refuse({"waterline", "smal", "--gpu", "H100"}, 2, {"smal"});
  refuse({"waterline", "small", "--gpu", "H100", "--measured", "no.json"}, 3, {"no.json"});
  refuse({"gap", "no.json"}, 3, {"cannot open no.json"});
  refuse({"block", "resnet", "64", "--gpu", "H100"}, 2, {"KIND is 'resnet'", "mbconv"});
  refuse({"block", "convfirst", "60", "--gpu", "H100"}, 2, {"CHANNELS is '60'", "multiple of 8"});
  const auto refuse_row = [&](const std::string& text, std::initializer_list<std::string_view> words) {
    write_bytes(scratch / "row.json", text);
    refuse({"gap", "row.json"}, 3, words);
  };
  refuse_row("{\"bench\": ", {"row.json", "not JSON"});
  refuse_row("", {"row.json", "no row"});
  refuse_row("7", {"row.json, row 1", "must be an object"});
  json row = json::parse(kRow);
  row["seconds"] = {{"mean", 1}};
  refuse_row(row.dump(), {"row.json, row 1", "'seconds.median'"});
  row["seconds"] = 1;
  row["batch"] = 0.5;
  refuse_row(row.dump(), {"row.json, row 1", "'batch' is 0.5", "whole number"});
  row["batch"] = 8;
  row.erase("macs_per_image");
  refuse_row(row.dump(), {"row.json, row 1", "no key 'macs_per_image'"});
  row["macs_per_image"] = 1e9;
  refuse_row(row.dump() + R"({"checkpoint": "c", "size": 192, "top1": 0.5})",
             {"row.json, row 2", "size 192"});
  row["device"] = "AMD EPYC";
  write_bytes(scratch / "row.json", row.dump());
  refuse({"gap", "row.json"}, 2, {"AMD EPYC", "--peak"});
  refuse({"gap", "row.json", "--peak", "1", "--y", "accuracy"}, 2, {"top1", "row"});
}

}  // namespace
}  // namespace cf
