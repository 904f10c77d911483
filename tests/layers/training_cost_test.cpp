// A training step on paper: closed formulas, and the ops that a real step runs.
#include "layers/training_cost.h"

#include <gtest/gtest.h>

#include "framework/autograd/pass.h"
#include "framework/ops/gather_samples.h"
#include "kernels/base/philox.h"
#include "tests/layers/block_store.h"

namespace cf::layers {
namespace {

// One stage of one block at full resolution.
ConvFirstNetSpec one_block(const std::string& kind, int channels, int expansion) {
  ConvFirstNetSpec spec;
  spec.classes = 6;
  spec.patch = 1;
  spec.blocks = {kind};
  spec.widths = {channels};
  spec.depths = {1};
  spec.expansion = {expansion};
  spec.head = 16;
  spec.drop_path = 0;
  return spec;
}

TrainingPart block_of(const ConvFirstNetSpec& spec, const Shape& images, bool fuses) {
  ConvFirstNet net(spec);
  for (auto& part : training_cost(net, images, {.fuses = fuses})) {
    if (part.is_block) return part;
  }
  fail(ErrorKind::Internal, "no block");
}

// Of the passes whose name holds `word`, or of the others.
double macs_of(const TrainingPart& part, std::string_view word, bool holds) {
  double sum = 0;
  for (const KernelCost& pass : part.passes) {
    if ((pass.name.find(word) != std::string::npos) == holds) sum += pass.macs;
  }
  return sum;
}

TEST(TrainingCost, OfConvFirstBlocksIsTheClosedFormula) {
  Philox random(1, Purpose::Test);
  for (int i = 0; i < 20; ++i) {
    const auto channels = 8 + 8 * static_cast<int>(random.below(20));
    const auto expansion = 2 + static_cast<int>(random.below(7));
    const auto n = 1 + static_cast<std::int64_t>(random.below(200));
    const auto h = 1 + static_cast<std::int64_t>(random.below(60)), w = h + 3;
    const Shape images(N{n}, H{h}, W{w}, C{3});
    const double c = channels, a = expansion, pixels = static_cast<double>(n * h * w);
    const auto spec = one_block("convfirst", channels, expansion);
    const TrainingPart layers = block_of(spec, images, false), fused = block_of(spec, images, true);
    EXPECT_EQ(layers.why_not_fused, "layer by layer, as asked for");
    ASSERT_EQ(fused.why_not_fused, "");
    EXPECT_DOUBLE_EQ(macs_of(layers, "backward", false), pixels * (72 * c + 2 * a * c * c));
    EXPECT_DOUBLE_EQ(macs_of(layers, "backward", true), 2 * pixels * (72 * c + 2 * a * c * c));
    // What the folds and the centre cost does not grow with the pixels.
    const double centre = 72 * c * std::min(pixels, 64.0), folded = a * c * c * c;
    EXPECT_DOUBLE_EQ(macs_of(fused, "backward", false),
                     pixels * (72 * c + 2 * a * c * c + c * c) + centre + folded);
    EXPECT_DOUBLE_EQ(macs_of(fused, "backward", true),
                     pixels * (144 * c + 5 * a * c * c + c * c) + 2 * folded);
  }
}

// At expansion 6: the moments' pass over the forward product, 16 % at C = 64; backward (31 C^2 + 144 C) over
// (24 C^2 + 144 C) of the layers.
TEST(TrainingCost, OfFusedPassesAtC64) {
  const Shape images(N{128}, H{56}, W{56}, C{3});
  const auto spec = one_block("convfirst", 64, 6);
  const TrainingPart layers = block_of(spec, images, false), fused = block_of(spec, images, true);
  const double forward = macs_of(layers, "backward", false);
  const double moments = fused.passes[1].macs + fused.passes[2].macs;
  EXPECT_TRUE(fused.passes[2].name.ends_with(" covariance"));
  EXPECT_NEAR(moments / forward, 0.16, 0.005);
  EXPECT_NEAR(macs_of(fused, "backward", true) / macs_of(layers, "backward", true),
              (31 * 64 + 144.0) / (24 * 64 + 144), 1e-3);
  double layer_bytes = 0, fused_bytes = 0, hidden = 2.0 * images.size() / 3 * 384;
  for (const KernelCost& pass : layers.passes) layer_bytes += pass.bytes;
  for (const KernelCost& pass : fused.passes) {
    fused_bytes += pass.bytes;
    EXPECT_LT(pass.bytes, hidden) << pass.name << " moves no tensor as wide as the hidden layer";
  }
  EXPECT_GT(layer_bytes, 4 * fused_bytes);
}

// The ops of a real step in their order, each with the parameter that it uses: "stages.0.blocks.0.conv".
std::vector<std::string> recorded_ops(ConvFirstNet& net, const Shape& images) {
  const auto executor = Executor::cpu(1);
  const auto store = net.make_store(*executor);
  store->initialise(1);
  Pass pass(*executor, {.training = true});
  std::vector<std::string> ops;
  pass.set_inspector([&](std::string_view, std::string_view parameter, const Tensor&) {
    if (parameter.empty()) return;
    parameter.remove_suffix(std::string_view(".weight").size());
    if (parameter.ends_with(".reduce")) parameter.remove_suffix(std::string_view(".reduce").size());
    ops.emplace_back(parameter);
  });
  net(Variable(executor->zeros(DType::Float32, images)), pass);
  return ops;
}

// Forward passes with a product, and those that apply a norm.
std::vector<std::string> ops_on_paper(const std::vector<TrainingPart>& parts) {
  std::vector<std::string> ops;
  for (const TrainingPart& part : parts) {
    const bool fused = part.is_block && part.why_not_fused.empty();
    if (fused) ops.push_back(part.path + ".conv");
    for (const KernelCost& pass : part.passes) {
      if (pass.name.find("backward") != std::string::npos || fused) continue;
      if (pass.name.ends_with(" apply")) {
        ops.push_back(pass.name.substr(0, pass.name.size() - std::string_view(" apply").size()));
      } else if (pass.macs > 0) {
        ops.push_back(pass.name);
      }
    }
  }
  return ops;
}

TEST(TrainingCost, HasTheOpsOfARealStep) {
  ConvFirstNetSpec spec = one_block("convfirst", 16, 2);
  spec.widths = {16, 24};
  spec.depths = {2, 2};
  spec.expansion = {2, 3};
  const Shape images(N{3}, H{6}, W{5}, C{3});
  for (const auto& [second, fusion] : {std::pair("mbconv", "off"), std::pair("convfirst", "require")}) {
    spec.blocks = {"convfirst", second};
    spec.fusion = fusion;
    ConvFirstNet net(spec);
    const auto parts = training_cost(
        net, images, {.place = PlaceKind::Cpu, .type = DType::Float32, .fuses = spec.fusion == "require"});
    EXPECT_EQ(ops_on_paper(parts), recorded_ops(net, images)) << fusion;
  }
}

// A branch works on the samples that it keeps, the sum on all.
TEST(TrainingCost, FollowsStochasticDepth) {
  ConvFirstNetSpec spec = one_block("mbconv", 16, 4);
  const Shape images(N{20}, H{4}, W{4}, C{3});
  const TrainingPart all = block_of(spec, images, true);
  spec.drop_path = 0.25;
  const TrainingPart kept = block_of(spec, images, true);
  ASSERT_EQ(kept_samples(20, 0.25F), 15);
  EXPECT_DOUBLE_EQ(macs_of(kept, "", true), 0.75 * macs_of(all, "", true));
  EXPECT_EQ(kept.passes.size(), all.passes.size() + 2);  // gather, and back
  EXPECT_EQ(kept.passes.front().name, "stages.0.blocks.0 gather");
}

TEST(TrainingCost, OfTheUpdateIsThatOfItsBuckets) {
  ConvFirstNet net(one_block("convfirst", 16, 2));
  const auto executor = Executor::cpu(1);
  const auto store = net.make_store(*executor);
  const auto parameters = static_cast<double>(store->parameter_count());
  const Shape images(N{2}, H{4}, W{4}, C{3});
  const auto update = [&](int states, bool averages) {
    return training_cost(net, images, {.optimizer_states = states, .averages = averages}).back().passes;
  };
  const auto adamw = update(2, true);
  ASSERT_EQ(adamw.size(), 5U);
  EXPECT_EQ(adamw[0].bytes, 6 * parameters);      // cast to bfloat16
  EXPECT_EQ(adamw[2].bytes, 4 * 7 * parameters);  // weights and two moments read and written, gradients read
  EXPECT_EQ(update(1, false)[2].bytes, 4 * 5 * parameters);
  EXPECT_EQ(update(1, false).size(), 4U);
}

TEST(TrainingCost, NamesWhatIsNotFused) {
  const Shape images(N{2}, H{8}, W{8}, C{3});
  EXPECT_EQ(block_of(one_block("mbconv", 16, 4), images, true).why_not_fused,
            "MBConv blocks are counted layer by layer, as they train on a GPU");
  EXPECT_NE(block_of(one_block("convfirst", 256, 2), images, true).why_not_fused.find("C=256"),
            std::string::npos);
  auto spec = one_block("convfirst", 16, 2);
  spec.activation = "silu";
  EXPECT_NE(block_of(spec, images, true).why_not_fused.find("silu"), std::string::npos);
}

}  // namespace
}  // namespace cf::layers
