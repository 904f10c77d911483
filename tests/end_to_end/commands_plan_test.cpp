// model info --plan: the numbers of a plan, for a GPU by its data sheet and on this processor.
#include <nlohmann/json.hpp>

#include "tests/end_to_end/command_checks.h"

namespace cf {
namespace {

using nlohmann::json;

TEST(CommandPlan, PredictsForAGpuThatIsNotThere) {
  const ScratchFolder scratch;
  const json plan = json::parse(
      output_of({"model", "info", "small", "--plan", "--gpu", "H200", "--precision", "fp16", "--json"},
                scratch.path()));
  ASSERT_EQ(plan["parts"].size(), 21U);  // stem, 16 blocks, 3 steps, head
  const json& block = plan["parts"][1];
  EXPECT_EQ(block["what"], "convfirst C=64 E=384 56x56");
  EXPECT_EQ(block["route"], "fused, Hopper");
  EXPECT_LE(block["shared_bytes"], 227 * 1024);
  // 128 x 56 x 56 pixels of 72 C + 12 C C multiply-accumulates: bound by arithmetic.
  EXPECT_NEAR(block["predicted_seconds"].get<double>(), 2.0 * 401408 * (72 * 64 + 12 * 64 * 64) / 989.4e12,
              1e-9);
  // 128 images of 224 x 224 x 3 and 56 x 56 x 64, and the filter: bound by memory.
  EXPECT_NEAR(plan["parts"][0]["predicted_seconds"].get<double>(),
              2.0 * (128.0 * (224 * 224 * 3 + 56 * 56 * 64) + 48 * 64) / 4.8e12, 1e-9);
  const double input_bytes = 2.0 * 128 * 224 * 224 * 3;  // stays, all else shares memory
  EXPECT_LT(plan["memory_bytes"].get<double>() - input_bytes, plan["activation_bytes"].get<double>() / 4);
  EXPECT_FALSE(plan.contains("measured_seconds"));
}

TEST(CommandPlan, MeasuresTheProcessorAtHand) {
  const ScratchFolder scratch;
  const json plan = json::parse(output_of(
      {"model", "info", "pico", "--plan", "--device", "cpu", "--threads", "1", "--size", "16", "--json"},
      scratch.path()));
  for (const json& part : plan["parts"]) EXPECT_GT(part["measured_seconds"], 0) << part["path"];
  EXPECT_EQ(plan["parts"][1]["route"], "fused, CPU");
  EXPECT_EQ(plan["batch"], 1);
}

TEST(CommandPlan, RefusesAnUnknownGpu) {
  const ScratchFolder scratch;
  expect_refused(scratch.path(), {"model", "info", "small", "--plan", "--gpu", "H300"}, 2,
                 {"--gpu is 'H300'", "A100", "RTX4090"});
}

TEST(CommandPlan, RefusesOptionsThatSayNothing) {
  const ScratchFolder scratch;
  const auto refuse = [&](Arguments more, std::string_view word) {
    more.insert(more.begin(), {"model", "info", "pico"});
    expect_refused(scratch.path(), more, 2, {word});
  };
  refuse({"--gpu", "H100"}, "--plan");
  refuse({"--plan", "--gpu", "H100", "--device", "cpu"}, "--device");
  refuse({"--plan", "--gpu", "H100", "--precision", "int8"}, "int8");
  refuse({"--plan", "--set", "model.fusion=off"}, "model.fusion");
}

}  // namespace
}  // namespace cf
