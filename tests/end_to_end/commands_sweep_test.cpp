// `convfirst bench block --sweep` on the processor.
#include <nlohmann/json.hpp>

#include "tests/end_to_end/command_checks.h"

namespace cf {
namespace {

using nlohmann::json;

Arguments sweep(const Arguments& more) {
  Arguments arguments{"bench", "block",        "--sweep", "--widths",  "16,8", "--sizes",
                      "6",     "--expansions", "2",       "--batches", "2",    "--samples",
                      "2",     "--device",     "cpu",     "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(CommandSweep, HoldsMeasuredBlocksAgainstPredictions) {
  const ScratchFolder scratch;
  const json result = json::parse(output_of(sweep({"--json"}), scratch.path()));
  ASSERT_EQ(result["blocks"].size(), 4U);  // two kinds, two widths
  EXPECT_EQ(result["blocks"][0]["width"], 8);
  for (const json& block : result["blocks"]) {
    SCOPED_TRACE(block.dump());
    for (const char* way : {"layers", "fused"}) {
      const double predicted = block[way]["predicted_seconds"], measured = block[way]["seconds"]["median"];
      EXPECT_GT(predicted, 0);
      EXPECT_GT(measured, 0);
      EXPECT_NEAR(block[way]["ratio"].get<double>(), measured / predicted, 1e-6 * measured / predicted);
    }
    const double rounding = 1 + 1e-12;
    EXPECT_GE(rounding * block["layers"]["predicted_seconds"].get<double>(),
              block["fused"]["predicted_seconds"].get<double>());
    EXPECT_EQ(block["fused"]["kernels"], 1);
  }
  ASSERT_EQ(result["fusion"].size(), 2U);
  for (const json& limit : result["fusion"]) {
    for (const char* by : {"stops_at_width", "predicted_stops_at_width"})
      EXPECT_TRUE(limit[by].is_null() || limit[by] == 8 || limit[by] == 16) << limit;
  }
}

TEST(CommandSweep, TrainsConvFirstOnly) {
  const ScratchFolder scratch;
  const json result = json::parse(output_of(sweep({"--backward", "--json"}), scratch.path()));
  ASSERT_EQ(result["blocks"].size(), 2U);
  for (const json& block : result["blocks"]) {
    EXPECT_EQ(block["block"], "convfirst");
    EXPECT_GT(block["fused"]["ratio"], 0) << block;
  }
}

TEST(CommandSweep, PrintsATableAndWhereFusionStopsPaying) {
  const ScratchFolder scratch;
  const std::string text = output_of(sweep({"mbconv"}), scratch.path());
  for (const char* part :
       {"predicted", "measured", "ratio", "6x6", "mbconv expansion 2, 6x6, batch 2: fusion"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
}

TEST(CommandBackward, ListsTrainingAndBackwardOnly) {
  const ScratchFolder scratch;
  const auto lines = lines_of(output_of({"bench", "block", "--backward", "--list"}, scratch.path()));
  ASSERT_GT(lines.size(), 10U);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    EXPECT_TRUE(lines[i].find("/train ") != std::string::npos ||
                lines[i].find("backward") != std::string::npos)
        << lines[i];
  }
}

TEST(CommandSweep, RefusesWhatItCannotMeasure) {
  const ScratchFolder scratch;
  const auto refuse = [&](const Arguments& arguments, std::initializer_list<std::string_view> words) {
    expect_refused(scratch.path(), arguments, 2, words);
  };
  refuse({"bench", "block", "--sweep", "--widths", "20"}, {"--widths", "20", "multiples of 8"});
  refuse({"bench", "block", "--sweep", "--sizes", "x"}, {"--sizes", "'x'"});
  refuse({"bench", "block", "--sweep", "linear"}, {"linear"});
  refuse({"bench", "block", "--sweep", "--list"}, {"--sweep", "--list"});
  refuse({"bench", "block", "--widths", "16"}, {"--widths", "--sweep"});
}

}  // namespace
}  // namespace cf
