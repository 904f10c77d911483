// The waterline against numbers worked out by hand for an H100, and what follows from its definition.
#include <gtest/gtest.h>

#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

#include "apps/analyze/waterline.h"
#include "apps/bench/named_gpu.h"
#include "kernels/base/philox.h"

namespace cf::apps {
namespace {

// What was measured on an H100: products at 798 TFLOP/s, copies at 2.3 (a block's tensors) to 3.0 TB/s (2
// GB).
AnalysisDevice h100(double bytes_per_second) {
  return {.name = "H100",
          .source = "given",
          .route = route_device(named_gpu("h100"), "fp16"),
          .limits = {bytes_per_second, 798e12, DType::Float16},
          .executor = nullptr};
}

Waterline of(const std::string& model, double bytes_per_second, bool training = false, int batch = 128) {
  return analyze_waterline(load_config(model).config, training, batch, 224, h100(bytes_per_second));
}

double microseconds(const Waterline& w, const std::string& path) {
  for (const SequencePart& part : w.fused.parts) {
    if (part.path == path) return 1e6 * total_of(part.kernels, w.device.limits).seconds;
  }
  ADD_FAILURE() << path;
  return 0;
}

// Worked out to the microsecond from the formulas without weights and gates, which are under 2 % of any of
// these blocks: the last digit, and that, is the tolerance.
TEST(Waterline, OfSingleBlocksIsAsWorkedOutByHand) {
  const Waterline small = of("small", 2.4e12);
  const auto expect = [&](const std::string& path, double by_hand) {
    EXPECT_NEAR(microseconds(small, path), by_hand, 0.5 + 0.02 * by_hand) << path;
  };
  expect("stages.0.blocks.0", 54);  // ConvFirst C=64 56x56
  expect("stages.1.blocks.0", 52);  // ConvFirst C=128 28x28
  expect("stages.2.blocks.0", 38);  // MBConv C=256 14x14
  expect("stages.3.blocks.0", 35);  // MBConv C=512 7x7
  // ConvFirst C=32 56x56 is bound by memory: 20 us at 2.5 TB/s, 22 at 2.3.
  EXPECT_NEAR(microseconds(of("nano", 2.5e12), "stages.0.blocks.0"), 20, 1);
  EXPECT_NEAR(microseconds(of("nano", 2.3e12), "stages.0.blocks.0"), 22, 1);
}

// The whole of Small: 171,000 images a second, to three digits, with the other kernels' tensors at 3.0 TB/s.
TEST(Waterline, OfAWholeNetworkIsAsWorkedOutByHand) {
  const Waterline small = of("small", 3.0e12);
  const SequenceTotal fused = total_of(small.fused, small.device.limits);
  EXPECT_NEAR(128 / fused.seconds, 171000, 0.02 * 171000);
  EXPECT_GT(total_of(small.layer_wise, small.device.limits).seconds, 1.5 * fused.seconds);
  EXPECT_NEAR(fused.macs, 128 * 2.180e9, 0.001 * 128 * 2.180e9);
}

TEST(Waterline, FusedAndLayerWiseDoTheSameWork) {
  const Waterline w = of("small", 3.0e12);
  ASSERT_EQ(w.fused.parts.size(), 21U);  // stem, 16 blocks, 3 steps, head
  for (std::size_t i = 0; i < w.fused.parts.size(); ++i) {
    const auto layers = total_of(w.layer_wise.parts[i].kernels, w.device.limits),
               fused = total_of(w.fused.parts[i].kernels, w.device.limits);
    EXPECT_DOUBLE_EQ(layers.macs, fused.macs) << w.fused.parts[i].path;
    EXPECT_GE(layers.bytes, fused.bytes) << w.fused.parts[i].path;
    EXPECT_TRUE(w.fused.parts[i].why_not_fused.empty()) << w.fused.parts[i].path;
  }
}

// t = sum max(W / P, B / BW): never less than one roofline over the totals, and e what is left of it.
TEST(Waterline, IsNeverMoreThanOneRoofline) {
  Philox random(5, Purpose::Test);
  const auto draw = [&](double most) { return most * static_cast<double>(random.uniform()); };
  for (int i = 0; i < 50; ++i) {
    std::vector<layers::KernelCost> kernels;
    double seconds = 0, flops = 0;
    const DeviceLimits limits{1 + draw(1e12), 1 + draw(1e15), DType::Float16};
    for (std::uint64_t k = 0; k <= random.below(6); ++k) {
      kernels.push_back({"k", draw(1e12), 1 + draw(1e9)});
      seconds += std::max(2 * kernels.back().macs / limits.flops_per_second,
                          kernels.back().bytes / limits.bytes_per_second);
      flops += 2 * kernels.back().macs;
    }
    const SequenceTotal total = total_of(kernels, limits);
    EXPECT_NEAR(total.seconds, seconds, 1e-9 * seconds);
    EXPECT_NEAR(total.attainable(), flops / limits.flops_per_second / seconds, 1e-9);
    const double ridge = limits.flops_per_second / limits.bytes_per_second;
    EXPECT_LE(total.attainable(), std::min(1.0, total.intensity() / ridge) + 1e-12);
    EXPECT_DOUBLE_EQ(total.achieved(2 * seconds), total.arithmetic_seconds / (2 * seconds));
  }
}

TEST(Waterline, OfTrainingHasEveryPart) {
  const Waterline w = of("small", 3.0e12, true, 256);
  ASSERT_EQ(w.fused.parts.size(), 24U);  // images, 21 parts, loss, optimizer
  EXPECT_EQ(w.fused.parts.front().path, "images");
  EXPECT_EQ(w.fused.parts.back().path, "optimizer");
  const SequenceTotal layers = total_of(w.layer_wise, w.device.limits),
                      fused = total_of(w.fused, w.device.limits);
  // Three times a forward pass, but for the stem's input gradient and the samples that depth leaves out.
  EXPECT_NEAR(layers.macs, 3 * 256 * 2.180e9, 0.06 * 3 * 256 * 2.180e9);
  EXPECT_GT(layers.seconds, 1.2 * fused.seconds);
}

TEST(Waterline, IsDrawnAsWellFormedSvg) {
  for (const bool training : {false, true}) {
    std::istringstream stream(waterline_svg(of("pico", 2.4e12, training)));
    boost::property_tree::ptree tree;
    ASSERT_NO_THROW(boost::property_tree::read_xml(stream, tree));
    EXPECT_EQ(stream.str().find("nan"), std::string::npos);
    std::size_t bars = 0, groups = 0;
    for (const auto& [name, group] : tree.get_child("svg")) {
      if (name != "g") continue;
      ++groups;
      bars += group.count("rect");
    }
    const Waterline w = of("pico", 2.4e12, training);
    std::size_t kernels = 0;
    for (const auto* sequence : {&w.layer_wise, &w.fused}) {
      for (const SequencePart& part : sequence->parts) kernels += part.kernels.size();
    }
    EXPECT_EQ(groups, 3U);
    EXPECT_EQ(bars, kernels);
  }
}

TEST(NamedGpu, IsFoundByTheDriversName) {
  EXPECT_EQ(named_gpu("rtx 4090").name, "RTX4090");
  ASSERT_NE(gpu_of_device("NVIDIA GeForce RTX 4090"), nullptr);
  EXPECT_EQ(gpu_of_device("NVIDIA H100 80GB HBM3")->name, "H100");
  EXPECT_EQ(gpu_of_device("NVIDIA RTX A5000")->name, "A5000");
  EXPECT_EQ(gpu_of_device("AMD EPYC, 2 threads"), nullptr);
}

}  // namespace
}  // namespace cf::apps
