// How blocks train, decided without a GPU at hand.
#include "layers/training_route.h"

#include <gtest/gtest.h>

#include "tests/data/expect_error.h"

namespace cf::layers {
namespace {

using Kind = TrainedBlock::Kind;

TrainedBlock block(Kind kind, std::int64_t channels = 64,
                   kernels::Activation activation = kernels::Activation::Relu) {
  return {.kind = kind, .channels = channels, .activation = activation, .name = "stages.0.blocks.1"};
}

TrainingRoute route(const TrainedBlock& block, PlaceKind place, Fusion fusion = Fusion::Auto,
                    DType type = DType::BFloat16) {
  return choose_training_route(block, place, type, fusion);
}

TEST(TrainingRoute, AutoFusesConvFirstOnAGpuAlone) {
  EXPECT_TRUE(route(block(Kind::ConvFirst), PlaceKind::Cuda).is_fused());
  EXPECT_FALSE(route(block(Kind::ConvFirst), PlaceKind::Cpu, Fusion::Auto, DType::Float32).is_fused());
  EXPECT_FALSE(route(block(Kind::MBConv), PlaceKind::Cuda).is_fused());
  const auto mbconv = route(block(Kind::MBConv), PlaceKind::Cpu, Fusion::Auto, DType::Float32);
  EXPECT_EQ(mbconv.why_layers, "the fused passes of an MBConv block were not measured to be faster here");
}

TEST(TrainingRoute, OffIsLayerByLayer) {
  const auto off = route(block(Kind::ConvFirst), PlaceKind::Cuda, Fusion::Off);
  EXPECT_EQ(off.why_layers, "model.fusion is 'off'");
}

TEST(TrainingRoute, RequireFusesBothBlocks) {
  for (const Kind kind : {Kind::ConvFirst, Kind::MBConv}) {
    EXPECT_TRUE(route(block(kind), PlaceKind::Cpu, Fusion::Require, DType::Float32).is_fused());
    EXPECT_TRUE(route(block(kind), PlaceKind::Cuda, Fusion::Require).is_fused());
  }
}

TEST(TrainingRoute, AutoSaysWhyThereIsNone) {
  const auto why = [](const TrainedBlock& block, DType type) {
    return route(block, PlaceKind::Cuda, Fusion::Auto, type).why_layers;
  };
  EXPECT_EQ(why(block(Kind::ConvFirst, 200), DType::BFloat16),
            "the GPU's fused passes take at most 192 channels, not C=200");
  EXPECT_EQ(why(block(Kind::ConvFirst), DType::Float32),
            "the GPU's fused passes compute in float16 and bfloat16, not in float32");
  EXPECT_EQ(why(block(Kind::MBConv, 12), DType::Float16),
            "the GPU's fused passes take multiples of 8 channels, not C=12");
  EXPECT_EQ(why(block(Kind::MBConv, 64, kernels::Activation::Silu), DType::BFloat16),
            "the fused passes have relu only, the activation is silu");
}

TEST(TrainingRoute, RequireNamesTheBlockAndWhyItHasNone) {
  expect_error(ErrorKind::Usage, {"stages.0.blocks.1", "a ConvFirst block of C=64 in bfloat16", "silu"}, [] {
    route(block(Kind::ConvFirst, 64, kernels::Activation::Silu), PlaceKind::Reference, Fusion::Require);
  });
  expect_error(ErrorKind::Usage, {"stages.0.blocks.1", "an MBConv block of C=64", "not in float32"},
               [] { route(block(Kind::MBConv), PlaceKind::Cuda, Fusion::Require, DType::Float32); });
}

}  // namespace
}  // namespace cf::layers
