// How a block's branch trains: by fused passes that write less and save less (framework/ops), or layer by
// layer. Decided here alone, from the block, the place, the type of activations and model.fusion.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "framework/runtime/executor.h"
#include "kernels/activation/activation.h"

namespace cf::layers {

// Whether blocks train by fused passes: where that is known to be faster, nowhere, or everywhere.
enum class Fusion { Auto, Off, Require };

struct TrainedBlock {
  enum class Kind { ConvFirst, MBConv };

  Kind kind;
  std::int64_t channels;
  kernels::Activation activation;
  std::string_view name;  // of a parameter of it: for errors
};

struct TrainingRoute {
  std::string why_layers = {};  // empty: by fused passes

  bool is_fused() const { return why_layers.empty(); }
};

// Fused passes that are required but do not exist are a Usage error.
TrainingRoute choose_training_route(const TrainedBlock& block, PlaceKind place, DType type, Fusion fusion);

}  // namespace cf::layers
