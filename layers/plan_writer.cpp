#include "layers/plan_writer.h"

#include <utility>

namespace cf::layers {

using kernels::Activation;
using Tensors = PlannedWork::Tensors;

namespace {

SqueezeExciteState state_of(SqueezeExcite& layer) {
  return {&layer.reduce.weight, &layer.reduce.bias, &layer.expand.weight, &layer.expand.bias};
}

}  // namespace

PlanWriter::Value PlanWriter::start(const Shape& images) {
  at_ = images;
  return x_ = work_.add(device_.type, images);
}

PlannedPart& PlanWriter::begin_part(const std::string& path, std::string text) {
  return parts_.emplace_back(
      PlannedPart{.path = path, .text = std::move(text), .first_step = work_.steps().size()});
}

void PlanWriter::kernel(const std::string& name, const std::vector<Value>& reads,
                        const std::vector<Value>& writes, double macs, std::int64_t weights, Run run) {
  double bytes = static_cast<double>(weights * size_of(device_.type));
  for (const Value value : reads) bytes += static_cast<double>(work_.bytes_of(value));
  for (const Value value : writes) bytes += static_cast<double>(work_.bytes_of(value));
  PlannedPart& part = parts_.back();
  part.kernels.push_back({part.path + name, macs, bytes});
  work_.add({.name = part.path + name,
             .reads = reads,
             .writes = writes,
             .run = [executor = executor_, run = std::move(run)](const Tensors& t) { run(*executor, t); }});
}

inference::FoldedWeights PlanWriter::fold(const Parameter& weight, BatchNorm& norm) const {
  if (executor_ == nullptr) return {};
  return inference::fold_norm(*executor_, device_.type, weight, norm.state());
}

PlanWriter::Value PlanWriter::image(std::int64_t image_channels) {
  return work_.add(device_.type, at_.with(C{image_channels}));
}

PlanWriter::Value PlanWriter::wide(std::int64_t features) {
  const DType type = device_.type == DType::Float64 ? DType::Float64 : DType::Float32;
  return work_.add(type, Shape(N{n()}, C{features}));
}

BlockShape PlanWriter::block_shape(std::string_view kind, std::int64_t hidden) const {
  return {.kind = kind,
          .n = n(),
          .h = h(),
          .w = w(),
          .channels = channels(),
          .hidden = hidden,
          .activation = activation_};
}

// --- layers

PlanWriter::Value PlanWriter::linear(const std::string& name, Value x, const PointwiseConv& layer,
                                     BatchNorm& norm, Activation activation, Value residual) {
  const Value y = image(layer.weight.shape.extent<K>().value);
  const std::int64_t weights = layer.weight.shape.size();
  std::vector<Value> reads{x};
  if (residual != kNone) reads.push_back(residual);
  kernel(name, reads, {y}, pixels() * static_cast<double>(weights), weights,
         [=, folded = fold(layer.weight, norm)](Executor& executor, const Tensors& t) {
           inference::folded_linear(executor, t[x], folded, activation,
                                    residual == kNone ? Tensor() : t[residual], t[y]);
         });
  return y;
}

PlanWriter::Value PlanWriter::grouped_conv(const std::string& name, Value x, const GroupedConv& layer,
                                           BatchNorm& norm, Activation activation) {
  const Value y = image(layer.weight.shape.extent<K>().value);
  const std::int64_t weights = layer.weight.shape.size();
  kernel(name, {x}, {y}, pixels() * static_cast<double>(weights), weights,
         [=, folded = fold(layer.weight, norm)](Executor& executor, const Tensors& t) {
           inference::folded_grouped_conv(executor, t[x], folded, activation, t[y]);
         });
  return y;
}

PlanWriter::Value PlanWriter::squeeze_excite(const std::string& name, Value x, SqueezeExcite& layer) {
  const std::int64_t squeezed = layer.reduce.weight.shape.extent<K>().value,
                     features = layer.reduce.weight.shape.extent<C>().value;
  const Value pooled = wide(features), reduced = wide(squeezed), gate = wide(features), y = image(features);
  const std::int64_t weights = 2 * squeezed * features;
  const SqueezeExciteState state = state_of(layer);
  // The image is read once for its mean, and again when the gate is known.
  kernel(name, {x, x, pooled, reduced, gate}, {pooled, reduced, gate, y}, static_cast<double>(n() * weights),
         weights, [=](Executor& executor, const Tensors& t) {
           inference::squeeze_excite(executor, t[x], state, {t[pooled], t[reduced], t[gate]}, t[y]);
         });
  return y;
}

// --- parts

void PlanWriter::add(const std::string& path, Downsample& layer) {
  const auto& filter = layer.conv.weight.shape;
  const std::int64_t side = filter.extent<R>().value, outputs = filter.extent<K>().value;
  begin_part(path,
             concat("patch conv ", side, "x", side, " C=", channels(), " K=", outputs, " ", h(), "x", w()));
  const Value x = x_;
  at_ = Shape(N{n()}, H{h() / side}, W{w() / side}, C{outputs});
  const Value y = x_ = image(outputs);
  kernel("", {x}, {y}, pixels() * static_cast<double>(filter.size()), filter.size(),
         [=, folded = fold(layer.conv.weight, layer.bn)](Executor& executor, const Tensors& t) {
           inference::folded_patch_conv(executor, t[x], folded, t[y]);
         });
}

void PlanWriter::add(const std::string& path, Block& block) {
  std::visit([&](auto& layer) { add_block(path, layer); }, block);
}

void PlanWriter::add_block(const std::string& path, ConvFirst& block) {
  const std::int64_t hidden = block.expand.weight.shape.extent<K>().value;
  const BlockShape shape = block_shape("convfirst", hidden);
  PlannedPart& part = begin_part(path, shape.text());
  part.is_block = true;
  part.route = choose(shape, device_, require_fused_);
  const Value x = x_;
  if (!part.route.is_fused()) {
    const Value u = grouped_conv(".conv", x, block.conv, block.conv_bn, Activation::None);
    const Value e = linear(".expand", u, block.expand, block.expand_bn, activation_, kNone);
    x_ = linear(".project", e, block.project, block.project_bn, Activation::None, x);
    return;
  }
  const Value y = x_ = image(channels());
  const std::int64_t weights =
      block.conv.weight.shape.size() + block.expand.weight.shape.size() + block.project.weight.shape.size();
  kernel("", {x}, {y}, pixels() * static_cast<double>(weights), weights,
         [=, folded = inference::ConvFirstWeights{
                 fold(block.conv.weight, block.conv_bn), fold(block.expand.weight, block.expand_bn),
                 fold(block.project.weight, block.project_bn)}](Executor& executor, const Tensors& t) {
           inference::fused_convfirst(executor, t[x], folded, t[y]);
         });
}

void PlanWriter::add_block(const std::string& path, MBConv& block) {
  const std::int64_t hidden = block.expand.weight.shape.extent<K>().value;
  const BlockShape shape = block_shape("mbconv", hidden);
  PlannedPart& part = begin_part(path, shape.text());
  part.is_block = true;
  part.route = choose(shape, device_, require_fused_);
  const Value x = x_;
  if (part.route.is_fused()) return fused_mbconv(x, block);
  const Value e = linear(".expand", x, block.expand, block.expand_bn, activation_, kNone);
  const Value u = grouped_conv(".conv", e, block.conv, block.conv_bn, activation_);
  const Value gated = squeeze_excite(".se", u, block.se);
  x_ = linear(".project", gated, block.project, block.project_bn, Activation::None, x);
}

void PlanWriter::fused_mbconv(Value x, MBConv& block) {
  const Value y = x_ = image(channels());
  const std::int64_t weights =
      block.conv.weight.shape.size() + block.expand.weight.shape.size() + block.project.weight.shape.size();
  const std::int64_t gates = block.se.reduce.weight.shape.size() + block.se.expand.weight.shape.size();
  const double macs = pixels() * static_cast<double>(weights) + static_cast<double>(n() * gates);
  const inference::MBConvWeights folded{fold(block.expand.weight, block.expand_bn),
                                        fold(block.conv.weight, block.conv_bn),
                                        fold(block.project.weight, block.project_bn), state_of(block.se)};
  kernel("", {x}, {y}, macs, weights + gates,
         [=, activation = activation_](Executor& executor, const Tensors& t) {
           inference::fused_mbconv(executor, t[x], folded, activation, t[y]);
         });
}

PlanWriter::Value PlanWriter::add(const std::string& path, Head& layer) {
  const auto& expand = layer.expand.weight.shape;
  const auto& classifier = layer.classifier.weight.shape;
  begin_part(path, concat("head C=", channels(), " ", expand.extent<K>().value, " features, ",
                          classifier.extent<K>().value, " classes"));
  const auto features = [&](std::int64_t count) { return work_.add(device_.type, Shape(N{n()}, C{count})); };
  const Value x = x_, pooled = features(channels()), hidden = features(expand.extent<K>().value),
              logits = features(classifier.extent<K>().value);
  kernel(".pool", {x}, {pooled}, 0, 0, [=](Executor& executor, const Tensors& t) {
    inference::global_average_pool(executor, t[x], t[pooled]);
  });
  // The activation by itself keeps NaN, which the logits must show.
  kernel(".expand", {pooled}, {hidden}, static_cast<double>(n() * expand.size()), expand.size(),
         [=, folded = fold(layer.expand.weight, layer.bn)](Executor& executor, const Tensors& t) {
           inference::folded_linear(executor, t[pooled], folded, Activation::None, {}, t[hidden]);
           inference::activation(executor, Activation::Relu, t[hidden]);
         });
  const inference::FoldedWeights weights =
      executor_ == nullptr
          ? inference::FoldedWeights()
          : inference::weights_of(*executor_, device_.type, layer.classifier.weight, layer.classifier.bias);
  kernel(".classifier", {hidden}, {logits}, static_cast<double>(n() * classifier.size()), classifier.size(),
         [=](Executor& executor, const Tensors& t) {
           inference::folded_linear(executor, t[hidden], weights, Activation::None, {}, t[logits]);
         });
  return logits;
}

}  // namespace cf::layers
