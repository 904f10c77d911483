// What a network costs, layer by layer, for one image: what `model info` shows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/basic_layers.h"

namespace cf::layers {

// Rows, columns and channels of an activation.
struct Extent {
  std::int64_t height, width, channels;

  std::int64_t size() const { return height * width * channels; }
};

struct LayerCost {
  std::string path;  // "stages.0.blocks.1.conv"
  std::string kind;
  Extent output;
  std::int64_t parameters;
  std::int64_t macs;         // multiply-accumulates; of norms and activations none are counted
  std::int64_t activations;  // elements written
};

// Collects the costs in forward order. Each call moves `at` from the layer's input to its output.
class Description {
 public:
  void convolution(std::string path, std::string kind, const Parameter& weight, Extent& at,
                   std::int64_t stride);
  void norm(std::string path, const Extent& at);
  void squeeze_excite(std::string path, const SqueezeExcite& layer, const Extent& at);
  void pool(std::string path, Extent& at);
  void linear(std::string path, const Linear& layer, Extent& at);

  const std::vector<LayerCost>& layers() const { return layers_; }
  LayerCost total() const;

 private:
  std::vector<LayerCost> layers_;
};

}  // namespace cf::layers
