// A step of training on paper: what each pass over the device's memory costs, for all of a network, its loss
// and its optimizer. Nothing runs.
#pragma once

#include <string>
#include <vector>

#include "layers/convfirst_net.h"
#include "layers/kernel_cost.h"

namespace cf::layers {

struct TrainingCostOptions {
  PlaceKind place = PlaceKind::Cuda;
  DType type = DType::BFloat16;  // of activations
  bool fuses = true;             // ConvFirst blocks by fused passes, where these exist
  int optimizer_states = 2;      // numbers that the optimizer's rule keeps for each parameter
  bool averages = false;         // weights and statistics are averaged
};

// A part of the network with its passes forward and then backward; or "images", "loss", "optimizer".
struct TrainingPart {
  std::string path;  // "stages.0.blocks.1"
  std::string text;  // "convfirst C=64 E=384 56x56"
  bool is_block = false;
  std::string why_not_fused = {};       // of a block; empty: it is
  std::vector<KernelCost> passes = {};  // "stages.0.blocks.1.conv", "stages.0.blocks.1.conv backward input"
};

// Of one micro-batch images [N,H,W,C], with the samples that stochastic depth keeps, and one update.
std::vector<TrainingPart> training_cost(ConvFirstNet& net, const Shape& images,
                                        const TrainingCostOptions& options);

}  // namespace cf::layers
