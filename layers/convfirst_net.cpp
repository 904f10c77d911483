#include "layers/convfirst_net.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "framework/ops/dropout.h"
#include "framework/ops/gather_samples.h"
#include "framework/ops/global_average_pool.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "layers/visit.h"

namespace cf::layers {

namespace {

kernels::Activation activation_named(const std::string& name) {
  using kernels::Activation;
  for (const auto activation : {Activation::Relu, Activation::Silu, Activation::HardSwish}) {
    if (name == kernels::name_of(activation)) return activation;
  }
  fail(ErrorKind::Usage, "model.activation is '", name, "', must be one of relu, silu, hard_swish");
}

Fusion fusion_named(const std::string& name) {
  if (name == "auto") return Fusion::Auto;
  if (name == "off") return Fusion::Off;
  CF_CHECK_AS(ErrorKind::Usage, name == "require", "model.fusion is '", name,
              "', must be one of auto, off, require");
  return Fusion::Require;
}

const ConvFirstNetSpec& checked(const ConvFirstNetSpec& spec) {
  const std::size_t stages = spec.widths.size();
  const auto positive = [](std::string_view key, std::int64_t value) {
    CF_CHECK_AS(ErrorKind::Usage, value > 0, "model.", key, " is ", value, ", must be positive");
  };
  CF_CHECK_AS(ErrorKind::Usage,
              stages > 0 && spec.blocks.size() == stages && spec.depths.size() == stages &&
                  spec.expansion.size() == stages,
              "model.blocks, widths, depths and expansion have ", spec.blocks.size(), ", ", stages, ", ",
              spec.depths.size(), " and ", spec.expansion.size(), " entries, must have one for each stage");
  CF_CHECK_AS(ErrorKind::Usage, spec.group_width == kernels::kGroupWidth, "model.group_width is ",
              spec.group_width, ", only ", kernels::kGroupWidth, " is implemented");
  for (std::size_t i = 0; i < stages; ++i) {
    positive("widths", spec.widths[i]);
    positive("depths", spec.depths[i]);
    positive("expansion", spec.expansion[i]);
    CF_CHECK_AS(ErrorKind::Usage, spec.widths[i] % kernels::kGroupWidth == 0, "model.widths holds ",
                spec.widths[i], ", must be a multiple of ", kernels::kGroupWidth);
    CF_CHECK_AS(ErrorKind::Usage, spec.blocks[i] == "convfirst" || spec.blocks[i] == "mbconv",
                "model.blocks holds '", spec.blocks[i], "', must be convfirst or mbconv");
  }
  positive("classes", spec.classes);
  positive("channels", spec.channels);
  positive("patch", spec.patch);
  positive("head", spec.head);
  CF_CHECK_AS(ErrorKind::Usage, spec.drop_path >= 0 && spec.drop_path < 1, "model.drop_path is ",
              spec.drop_path, ", must be in [0, 1)");
  CF_CHECK_AS(ErrorKind::Usage, spec.dropout >= 0 && spec.dropout < 1, "model.dropout is ", spec.dropout,
              ", must be in [0, 1)");
  return spec;
}

}  // namespace

void Downsample::describe(Description& description, const std::string& path, Extent& at) const {
  const std::int64_t patch = conv.weight.shape.extent<R>().value;
  description.convolution(path + ".conv", concat("patch conv ", patch, "x", patch), conv.weight, at, patch);
  description.norm(path + ".bn", at);
}

Head::Head(std::int64_t channels, std::int64_t hidden, std::int64_t classes)
    : expand(channels, hidden, false,
             {Initial::Kind::Normal, std::sqrt(2.0F / static_cast<float>(channels))}),
      bn(hidden),
      classifier(hidden, classes, true, {Initial::Kind::Normal, 0.01F}) {}

Variable Head::operator()(const Variable& x, Pass& pass, float dropout_probability) {
  const Variable features = bn(expand(global_average_pool(pass, x), pass), pass, kernels::Activation::Relu);
  return classifier(dropout(pass, features, dropout_probability), pass);
}

void Head::describe(Description& description, const std::string& path, Extent& at) const {
  description.pool(path + ".pool", at);
  description.linear(path + ".expand", expand, at);
  description.norm(path + ".bn", at);
  description.linear(path + ".classifier", classifier, at);
}

ConvFirstNet::ConvFirstNet(const ConvFirstNetSpec& spec)
    : spec_(checked(spec)),
      activation_(activation_named(spec.activation)),
      block_count_(std::accumulate(spec.depths.begin(), spec.depths.end(), 0)),
      stem_(spec.channels, spec.widths.front(), spec.patch),
      head_(spec.widths.back(), spec.head, spec.classes) {
  for (std::size_t i = 0; i < spec.widths.size(); ++i) {
    Stage& stage = stages_.emplace_back();
    if (i > 0) stage.down.emplace_back(spec.widths[i - 1], spec.widths[i], 2);
    for (int block = 0; block < spec.depths[i]; ++block) {
      const Fusion fusion = fusion_named(spec.fusion);
      if (spec.blocks[i] == "convfirst") {
        stage.blocks.emplace_back(std::in_place_type<ConvFirst>, spec.widths[i], spec.expansion[i], fusion);
      } else {
        stage.blocks.emplace_back(std::in_place_type<MBConv>, spec.widths[i], spec.expansion[i], fusion);
      }
    }
  }
}

TrainingRoutes ConvFirstNet::training_routes(const Executor& executor, DType type) const {
  TrainingRoutes out;
  for (const Stage& stage : stages_) {
    for (const Block& block : stage.blocks) {
      const TrainingRoute route = std::visit(
          [&](const auto& layer) { return layer.training_route(executor.kind(), type, activation_); }, block);
      ++(route.is_fused() ? out.fused : out.why_layers[route.why_layers]);
    }
  }
  return out;
}

std::int64_t ConvFirstNet::smallest_side() const { return std::int64_t{spec_.patch} << (stages_.size() - 1); }

void ConvFirstNet::check_image(std::int64_t height, std::int64_t width) const {
  const std::int64_t smallest = smallest_side();
  CF_CHECK_AS(ErrorKind::Usage, height >= smallest && width >= smallest, "an image of ", height, "x", width,
              " pixels is too small for ", spec_.name, ": each side must have at least ", smallest);
  // Beyond it the counts of operations would overflow.
  constexpr std::int64_t kLargest = 65536;
  CF_CHECK_AS(ErrorKind::Usage, height <= kLargest && width <= kLargest, "an image of ", height, "x", width,
              " pixels is too big: each side may have at most ", kLargest);
}

Variable ConvFirstNet::operator()(Variable x, Pass& pass) {
  check_image(x.shape().extent<H>().value, x.shape().extent<W>().value);
  CF_CHECK_AS(ErrorKind::Usage, x.shape().extent<C>().value == spec_.channels, "images with ",
              x.shape().extent<C>().value, " channels, ", spec_.name, " takes ", spec_.channels);
  Variable y = stem_(std::exchange(x, {}), pass);  // nobody else may need the images any more
  int index = 0;
  for (Stage& stage : stages_) {
    if (!stage.down.empty()) y = stage.down.front()(y, pass);
    for (Block& block : stage.blocks) y = run_block(block, y, pass, index++);
  }
  return head_(y, pass, static_cast<float>(spec_.dropout));
}

double ConvFirstNet::drop_probability(int index) const {
  return block_count_ > 1 ? spec_.drop_path * index / (block_count_ - 1) : spec_.drop_path;
}

Variable ConvFirstNet::run_block(Block& block, const Variable& x, Pass& pass, int index) {
  const auto drop = static_cast<float>(drop_probability(index));
  const Tensor kept = draw_kept_samples(pass, x.shape().extent<N>().value, drop);
  return std::visit([&](auto& layer) { return layer(x, pass, activation_, kept); }, block);
}

std::unique_ptr<ParameterStore> ConvFirstNet::make_store(Executor& executor, DType dtype) {
  std::vector<Parameter*> parameters;
  std::vector<Statistic*> statistics;
  visit_leaves(*this, "", [&]<class Leaf>(const std::string& path, Leaf& leaf) {
    leaf.name = path;
    if constexpr (std::is_same_v<Leaf, Parameter>) {
      parameters.push_back(&leaf);
    } else {
      statistics.push_back(&leaf);
    }
  });
  return std::make_unique<ParameterStore>(executor, std::move(parameters), std::move(statistics), dtype);
}

Description ConvFirstNet::describe(std::int64_t height, std::int64_t width) const {
  check_image(height, width);
  Description out;
  Extent at{height, width, spec_.channels};
  stem_.describe(out, "stem", at);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const std::string path = concat("stages.", i);
    if (!stages_[i].down.empty()) stages_[i].down.front().describe(out, path + ".down", at);
    for (std::size_t b = 0; b < stages_[i].blocks.size(); ++b) {
      std::visit([&](const auto& layer) { layer.describe(out, concat(path, ".blocks.", b), at); },
                 stages_[i].blocks[b]);
    }
  }
  head_.describe(out, "head", at);
  return out;
}

}  // namespace cf::layers
