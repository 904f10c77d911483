#include "layers/network_cost.h"

namespace cf::layers {

void Description::convolution(std::string path, std::string kind, const Parameter& weight, Extent& at,
                              std::int64_t stride) {
  const std::int64_t parameters = weight.shape.size();
  at = {at.height / stride, at.width / stride, weight.shape.extent<K>().value};
  layers_.push_back(
      {std::move(path), std::move(kind), at, parameters, parameters * at.height * at.width, at.size()});
}

void Description::norm(std::string path, const Extent& at) {
  layers_.push_back({std::move(path), "batch norm", at, 2 * at.channels, 0, at.size()});
}

void Description::squeeze_excite(std::string path, const SqueezeExcite& layer, const Extent& at) {
  const std::int64_t weights = layer.reduce.weight.shape.size() + layer.expand.weight.shape.size();
  const std::int64_t biases = layer.reduce.bias.shape.size() + layer.expand.bias.shape.size();
  layers_.push_back({std::move(path), "squeeze-excite", at, weights + biases, weights, at.size()});
}

void Description::pool(std::string path, Extent& at) {
  at = {1, 1, at.channels};
  layers_.push_back({std::move(path), "global average pool", at, 0, 0, at.size()});
}

void Description::linear(std::string path, const Linear& layer, Extent& at) {
  const std::int64_t weights = layer.weight.shape.size();
  at = {1, 1, layer.weight.shape.extent<K>().value};
  layers_.push_back(
      {std::move(path), "linear", at, weights + (layer.has_bias ? at.channels : 0), weights, at.size()});
}

LayerCost Description::total() const {
  LayerCost sum{"total", "", {0, 0, 0}, 0, 0, 0};
  for (const auto& layer : layers_) {
    sum.parameters += layer.parameters;
    sum.macs += layer.macs;
    sum.activations += layer.activations;
  }
  if (!layers_.empty()) sum.output = layers_.back().output;
  return sum;
}

}  // namespace cf::layers
