// `convfirst bench` on the processor: every number is there, and they agree with one another.
#include <nlohmann/json.hpp>

#include "tests/end_to_end/command_checks.h"

namespace cf {
namespace {

using nlohmann::json;

void expect_spread(const json& spread, int samples) {
  EXPECT_GT(spread["min"], 0);
  EXPECT_LE(spread["min"], spread["p10"]);
  EXPECT_LE(spread["p10"], spread["median"]);
  EXPECT_LE(spread["median"], spread["p90"]);
  EXPECT_LE(spread["p90"], spread["max"]);
  EXPECT_EQ(spread["samples"], samples);
}

TEST(CommandBench, BlockMeasuresCasesAgainstTheirLimits) {
  const ScratchFolder scratch;
  const json result = json::parse(output_of({"bench", "block", "grouped_conv C=24 N=2", "--all", "--samples",
                                             "5", "--device", "cpu", "--threads", "1", "--json"},
                                            scratch.path()));
  EXPECT_EQ(result["bench"], "block");
  ASSERT_EQ(result["cases"].size(), 6U);  // forward, gradients apart, accumulated, together, through a norm
  for (const json& c : result["cases"]) {
    SCOPED_TRACE(c.dump());
    expect_spread(c["seconds"], 5);
    const double seconds = c["seconds"]["median"].get<double>();
    EXPECT_EQ(c["precision"], "float32");
    EXPECT_EQ(c["graph"], false);
    EXPECT_NEAR(c["flops_per_second"].get<double>() * seconds, c["flops"].get<double>(), 1e-3);
    EXPECT_NEAR(c["bytes_per_second"].get<double>() * seconds, c["bytes"].get<double>(), 1e-3);
    const double limit = std::max(c["flops"].get<double>() / result["matrix_flops_per_second"].get<double>(),
                                  c["bytes"].get<double>() / result["copy_bytes_per_second"].get<double>());
    EXPECT_NEAR(c["limit_seconds"].get<double>() / limit, 1, 1e-9);
    EXPECT_NEAR(c["share_of_limit"].get<double>(), limit / seconds, 1e-6 * limit / seconds);
  }
}

TEST(CommandBench, BlockListsCasesWithTheirCost) {
  const ScratchFolder scratch;
  const std::string text =
      output_of({"bench", "block", "linear/forward M=401408 C=64", "--list"}, scratch.path());
  const auto lines = lines_of(text);
  ASSERT_EQ(lines.size(), 2U) << text;
  EXPECT_NE(lines[1].find("19.730"), std::string::npos) << "2 * 401408 * 64 * 384 operations: " << text;
  EXPECT_NE(lines[1].find("linear/forward M=401408 C=64 K=384"), std::string::npos) << text;
}

Arguments tiny_model(const std::string& what, const Arguments& more) {
  Arguments arguments{"bench",   what,    "pico",           "--batch", "6",        "--size", "16",
                      "--steps", "5",     "--warmup",       "1",       "--device", "cpu",    "--threads",
                      "1",       "--set", "model.classes=4"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(CommandBench, InferAndTrainSayWhatWasMeasured) {
  const ScratchFolder scratch;
  for (const auto& [what, passes] : {std::pair("infer", 1), std::pair("train", 3)}) {
    SCOPED_TRACE(what);
    const json result = json::parse(output_of(tiny_model(what, {"--json"}), scratch.path()));
    EXPECT_EQ(result["bench"], what);
    EXPECT_EQ(result["batch"], 6);
    EXPECT_EQ(result["size"], 16);
    EXPECT_EQ(result["precision"], "float32");
    EXPECT_EQ(result["graph"], false);
    EXPECT_EQ(result["warmup"], 1);
    expect_spread(result["seconds"], 5);
    const double seconds = result["seconds"]["median"].get<double>();
    EXPECT_NEAR(result["images_per_second"].get<double>() * seconds, 6, 1e-9);
    EXPECT_EQ(result["flops_per_step"].get<double>(),
              2.0 * passes * 6 * result["macs_per_image"].get<double>());
    EXPECT_GT(result["peak_bytes"], 0);
    EXPECT_GE(result["reserved_bytes"], result["peak_bytes"]);
    const std::string text = output_of(tiny_model(what, {}), scratch.path());
    for (const char* part :
         {"batch 6", "16x16x1", "float32", "no graph", "median", "p90", "images/s", "TFLOP/s"})
      EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
  EXPECT_TRUE(all_contents_of(scratch.path()).empty());
}

TEST(CommandBench, TrainOnRanksSaysWhatTheOthersCost) {
  const ScratchFolder scratch;
  const json result = json::parse(output_of(tiny_model("train", {"--ranks", "2", "--json"}), scratch.path()));
  EXPECT_EQ(result["ranks"], 2);
  EXPECT_EQ(result["batch"], 12);  // 6 on each
  expect_spread(result["seconds"], 5);
  expect_spread(result["seconds_alone"], 5);
  const json& communication = result["communication_seconds"];
  EXPECT_GT(communication["all"].get<double>(), 0);
  EXPECT_EQ(communication["not_hidden"], communication["all"]);  // between CPU ranks
  EXPECT_NEAR(result["images_per_second"].get<double>(),
              2 * result["images_per_second_per_rank"].get<double>(), 1e-6);
  const std::string text = output_of(tiny_model("train", {"--ranks", "2"}), scratch.path());
  EXPECT_NE(text.find("by itself"), std::string::npos) << text;
  EXPECT_EQ(text.find("bench train", 1), std::string::npos) << "more than one rank speaks: " << text;
}

TEST(CommandBench, CommTimesSumsOfEverySize) {
  const ScratchFolder scratch;
  const Arguments arguments{"bench", "comm",      "--ranks", "2",          "--device",
                            "cpu",   "--samples", "2",       "--max-size", "1"};
  Arguments with_json = arguments;
  with_json.emplace_back("--json");
  const json result = json::parse(output_of(with_json, scratch.path()));
  EXPECT_EQ(result["ranks"], 2);
  ASSERT_EQ(result["sizes"].size(), 6U);  // 1 KiB to 1 MiB
  std::int64_t bytes = 1024;
  for (const json& size : result["sizes"]) {
    EXPECT_EQ(size["bytes"], bytes);
    expect_spread(size["seconds"], 2);
    const double rate = static_cast<double>(bytes) / size["seconds"]["median"].get<double>();
    EXPECT_NEAR(size["bytes_per_second"].get<double>() / rate, 1, 1e-9);
    EXPECT_NEAR(size["link_bytes_per_second"].get<double>() / rate, 1, 1e-9);  // 2 (N-1) / N is 1 for two
    bytes *= 4;
  }
  const std::string text = output_of(arguments, scratch.path());
  EXPECT_NE(text.find("2 ranks"), std::string::npos) << text;
  EXPECT_NE(text.find("1.00 MiB"), std::string::npos) << text;
}

TEST(CommandBench, DataSaysWhereTheTimeGoes) {
  const ScratchFolder scratch;
  const auto call = [&](const Arguments& more) {
    Arguments arguments{"bench",
                        "data",
                        "synthetic:classes=4,size=32,samples=64",
                        "--set",
                        "train.size=32",
                        "--seconds",
                        "0.1",
                        "--threads",
                        "2",
                        "--device",
                        "cpu"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return output_of(arguments, scratch.path());
  };
  const json result = json::parse(call({"--target", "1000000", "--json", "--set", "augment.erase=1"}));
  EXPECT_EQ(result["images"], 64);
  EXPECT_EQ(result["batch"], 64);
  EXPECT_EQ(result["size"], 32);
  EXPECT_EQ(result["threads"], 2);
  const double rate = result["images_per_second"].get<double>();
  EXPECT_GT(rate, 0);
  EXPECT_GT(result["images_per_second_one_thread_alone"], 0);
  EXPECT_NEAR(result["images_per_second_of_thread"].get<double>(), rate / 2, 1e-9 * rate);
  EXPECT_NEAR(result["threads_for_target"].get<double>(), 2e6 / rate, 1);
  // Two threads have two seconds a second; the stages are most of it, but for waiting.
  double stages = 0;
  for (const char* stage : {"read", "decode", "resize", "augment"}) {
    const double milliseconds = result["milliseconds_per_image"][stage].get<double>();
    EXPECT_GT(milliseconds, 0) << stage;
    stages += 1e-3 * milliseconds;
  }
  EXPECT_LE(stages * rate, 2.5);
  EXPECT_GT(result["milliseconds_per_image"]["copy"], 0);
  const std::string text = call({"--set", "augment.color_jitter=[0.4,0.4,0.4,0.1]"});
  for (const char* part :
       {"64 images", "32x32x3", "2 threads", "one alone", "decode", "copy", "verdict", "time: "})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
}

TEST(CommandBench, DataBeginsWithAColdCacheAndEndsWithTheEpoch) {
  const ScratchFolder scratch;
  output_of({"data", "pack", "synthetic:classes=4,size=32,samples=200", "-o", "a.cfpack"}, scratch.path());
  const auto size = std::filesystem::file_size(scratch.path() / "a.cfpack");
  const json cold =
      json::parse(output_of({"bench", "data", "a.cfpack", "--set", "train.size=32", "--set", "train.batch=32",
                             "--cold", "--seconds", "1000", "--threads", "2", "--device", "cpu", "--json"},
                            scratch.path()));
  EXPECT_EQ(cold["images_taken"], 192) << "six batches of an epoch of 200";
  EXPECT_EQ(cold["cached_bytes"]["total"], size);
  EXPECT_LE(cold["cached_bytes"]["begin"], cold["cached_bytes"]["end"]);
  EXPECT_LE(cold["cached_bytes"]["end"], size);
  expect_refused(scratch.path(), {"bench", "data", "synthetic:samples=64", "--cold"}, 2,
                 {"synthetic:samples=64", "neither a file nor a folder"});
}

TEST(CommandBench, DataMeasuresSoManyImagesAndItsMemory) {
  const ScratchFolder scratch;
  const json result = json::parse(
      output_of({"bench", "data", "synthetic:classes=4,size=32,samples=64", "--set", "train.size=32",
                 "--images", "20000", "--seconds", "0.1", "--threads", "2", "--device", "cpu", "--json"},
                scratch.path()));
  EXPECT_GE(result["images_taken"], 20000);
  EXPECT_LT(result["images_taken"], 20064);
  const double begin = result["resident_bytes"]["begin"], end = result["resident_bytes"]["end"];
  EXPECT_GT(begin, 1e6);
  EXPECT_LT(end, begin + 20000 * 32 * 32 * 3) << "images are not kept";
}

TEST(CommandBench, InferSaysHowTheNetworkRuns) {
  const ScratchFolder scratch;
  for (const auto& [fusion, how] :
       {std::pair("auto", "plan with 6 of 6 blocks fused"), std::pair("off", "layer-wise")}) {
    const Arguments set{"--set", concat("model.fusion=", fusion)};
    EXPECT_NE(output_of(tiny_model("infer", set), scratch.path()).find(how), std::string::npos) << fusion;
  }
}

TEST(CommandBench, RefusesWhatItCannotMeasure) {
  const ScratchFolder scratch;
  const auto refuse = [&](const Arguments& arguments, std::initializer_list<std::string_view> words) {
    expect_refused(scratch.path(), arguments, 2, words);
  };
  refuse({"bench"}, {"block", "infer", "train"});
  refuse({"bench", "block", "nothing_such", "--list"}, {"nothing_such", "--list"});
  refuse({"bench", "block", "--precision", "int8"}, {"--precision", "int8"});
  refuse({"bench", "block", "--samples", "0"}, {"--samples", "0"});
  refuse({"bench", "infer"}, {"MODEL"});
  refuse({"bench", "infer", "no_such_model"}, {"no_such_model"});
  refuse({"bench", "infer", "pico", "--precision", "bf16", "--device", "cpu"},
         {"precision.compute", "float32"});
  refuse({"bench", "train", "pico", "--steps", "0"}, {"--steps is 0"});
  refuse({"bench", "comm", "--device", "cpu"}, {"--ranks N"});
  refuse({"bench", "comm", "--device", "cpu", "--ranks", "all"}, {"--ranks all", "GPU"});
  refuse({"bench", "train", "pico", "--ranks", "2", "--device", "cpu"}, {"2 ranks", "train.norm_batch"});
  refuse({"bench", "train", "pico", "--size", "4"}, {"train.size", "4"});
  refuse({"bench", "data", "synthetic", "--threads", "0"}, {"--threads is 0"});
  refuse({"bench", "data", "pico"}, {"pico", "data.train"});
}

}  // namespace
}  // namespace cf
