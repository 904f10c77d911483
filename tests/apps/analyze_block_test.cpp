// A block's tensor machine against closed formulas and against the plan that the program would run.
#include <gtest/gtest.h>

#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

#include "apps/analyze/block_machine.h"
#include "kernels/base/philox.h"
#include "layers/inference_plan.h"

namespace cf::apps {
namespace {

constexpr auto kDevice = MachineMemory::Device;

// Hand-worked: 72 C + 2 a C^2 MACs and 4 C bytes a pixel; 228, 420, 804 FLOP/B at a = 6. A batch this large
// hides the weights: less than 0.1 % of the bytes.
TEST(BlockMachine, IntensityOfConvFirstIsAsWorkedOutByHand) {
  for (const auto& [channels, intensity] : {std::pair(32, 228), std::pair(64, 420), std::pair(128, 804)}) {
    const BlockMachine fused =
        fused_machine({.n = 8192, .h = 56, .w = 56, .channels = channels, .hidden = 6 * channels});
    EXPECT_NEAR(2 * fused.macs() / fused.bytes(kDevice), intensity, 1e-3 * intensity) << channels;
  }
}

TEST(BlockMachine, IsTheClosedFormulaForRandomBlocks) {
  Philox random(2, Purpose::Test);
  for (int i = 0; i < 50; ++i) {
    const auto draw = [&](std::uint64_t most) { return 1 + static_cast<std::int64_t>(random.below(most)); };
    MachineShape s{.n = draw(200), .h = draw(60), .w = draw(60), .channels = 8 * draw(40), .hidden = 0};
    const std::int64_t a = draw(8);
    s.hidden = a * s.channels;
    s.squeezed = i % 2 == 0 ? 0 : s.channels / 4;
    s.tile_pixels = draw(256);
    const auto c = static_cast<double>(s.channels), e = static_cast<double>(s.hidden),
               d = static_cast<double>(s.squeezed), n = static_cast<double>(s.n),
               pixels = static_cast<double>(s.pixels());
    const double filter = 72 * (s.squeezed > 0 ? e : c), weights = filter + 2 * c * e + 2 * d * e;
    const double macs = pixels * (filter + 2 * c * e) + n * 2 * d * e;
    const BlockMachine layers = layer_wise_machine(s), fused = fused_machine(s);
    EXPECT_DOUBLE_EQ(layers.macs(), macs);
    EXPECT_DOUBLE_EQ(fused.macs(), macs);
    EXPECT_DOUBLE_EQ(fused.bytes(kDevice), 4 * c * pixels + 2 * weights);
    EXPECT_EQ(layers.bytes(MachineMemory::Chip), 0);
    if (s.squeezed > 0) continue;
    EXPECT_DOUBLE_EQ(layers.bytes(kDevice), 2 * (pixels * (5 * c + 2 * e) + weights));
    EXPECT_DOUBLE_EQ(fused.bytes(MachineMemory::Registers), 4 * pixels * (2 * c + e));
    const double tiles = std::ceil(pixels / static_cast<double>(s.tile_pixels));
    EXPECT_DOUBLE_EQ(fused.bytes(MachineMemory::Chip), 2 * (3 * c * pixels + weights * (1 + tiles)));
  }
}

// What a tensor machine reads and writes has been written before, but for the input and the weights.
TEST(BlockMachine, ReadsWhatWasWritten) {
  for (const std::int64_t squeezed : {0, 4}) {
    const MachineShape s{.n = 2, .h = 5, .w = 7, .channels = 16, .hidden = 64, .squeezed = squeezed};
    for (const BlockMachine& machine : {layer_wise_machine(s), fused_machine(s)}) {
      std::map<std::pair<std::string, MachineMemory>, double> written;
      for (const MachineOperation& operation : machine.operations) {
        for (const MachineOperand& operand : operation.operands) {
          if (operand.written) written[{operand.name, operand.memory}] = operand.bytes;
          const bool is_weight = operand.name.starts_with("w") || operand.name.starts_with("W");
          if (operand.written || is_weight || (operand.name == "x" && operand.memory == kDevice)) continue;
          EXPECT_EQ(written[std::pair(operand.name, operand.memory)], operand.bytes)
              << machine.name << " " << operation.name << " reads " << operand.name;
        }
      }
      EXPECT_TRUE(written.contains({"y", kDevice})) << machine.name;
    }
  }
}

// The bytes of DRAM are those that the plan's kernels are held against.
TEST(BlockMachine, MovesTheBytesOfThePlan) {
  for (const std::string kind : {"convfirst", "mbconv"}) {
    layers::ConvFirstNetSpec spec;
    spec.patch = 1;
    spec.blocks = {kind};
    spec.widths = {64};
    spec.depths = {1};
    spec.expansion = {4};
    layers::ConvFirstNet net(spec);
    MachineShape s{.n = 5, .h = 14, .w = 14, .channels = 64, .hidden = 256};
    if (kind == "mbconv") s.squeezed = 16;
    for (const bool fuses : {false, true}) {
      const layers::RouteDevice device{
          .place = PlaceKind::Cuda, .type = DType::Float16, .limits = {227 << 10, 132, true}, .fuses = fuses};
      const layers::InferencePlan plan(net, {5, 14, 14}, device);
      const layers::PlannedPart& block = plan.parts()[1];
      ASSERT_EQ(block.route.is_fused(), fuses);
      double macs = 0, bytes = 0;
      for (const auto& kernel : block.kernels) {
        macs += kernel.macs;
        bytes += kernel.bytes;
      }
      const BlockMachine machine = fuses ? fused_machine(s) : layer_wise_machine(s);
      EXPECT_DOUBLE_EQ(machine.macs(), macs) << kind << fuses;
      EXPECT_DOUBLE_EQ(machine.bytes(kDevice), bytes) << kind << fuses;
    }
  }
}

TEST(BlockMachine, IsDrawnAsWellFormedSvg) {
  const MachineShape s{.n = 1, .h = 1, .w = 1, .channels = 8, .hidden = 16, .squeezed = 2};
  std::istringstream stream(machines_svg("a <block> & more", {layer_wise_machine(s), fused_machine(s)}));
  boost::property_tree::ptree tree;
  ASSERT_NO_THROW(boost::property_tree::read_xml(stream, tree)) << stream.str();
  EXPECT_EQ(stream.str().find("nan"), std::string::npos);
  EXPECT_NE(stream.str().find("shared memory, L2"), std::string::npos);
}

}  // namespace
}  // namespace cf::apps
