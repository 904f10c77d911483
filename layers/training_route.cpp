#include "layers/training_route.h"

#include "framework/ops/convfirst_branch.h"
#include "framework/ops/mbconv_branch.h"

namespace cf::layers {

namespace {

using Kind = TrainedBlock::Kind;

std::string_view name_of(Kind kind) { return kind == Kind::ConvFirst ? "a ConvFirst" : "an MBConv"; }

std::string why_impossible(const TrainedBlock& block, PlaceKind place, DType type) {
  if (block.activation != kernels::Activation::Relu) {
    return concat("the fused passes have relu only, the activation is ", name_of(block.activation));
  }
  return block.kind == Kind::ConvFirst ? why_no_convfirst_branch(place, type, block.channels)
                                       : why_no_mbconv_branch(place, type, block.channels);
}

}  // namespace

TrainingRoute choose_training_route(const TrainedBlock& block, PlaceKind place, DType type, Fusion fusion) {
  if (fusion == Fusion::Off) return {"model.fusion is 'off'"};
  std::string why = why_impossible(block, place, type);
  if (fusion == Fusion::Require) {
    CF_CHECK_AS(ErrorKind::Usage, why.empty(), block.name, ": model.fusion is 'require', but ",
                name_of(block.kind), " block of C=", block.channels, " in ", name_of(type),
                " has no fused route in training: ", why);
    return {};
  }
  if (!why.empty()) return {std::move(why)};
  if (block.kind == Kind::ConvFirst && place == PlaceKind::Cuda) return {};
  return {concat("the fused passes of ", name_of(block.kind), " block were not measured to be faster here")};
}

}  // namespace cf::layers
