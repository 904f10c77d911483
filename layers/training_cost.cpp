#include "layers/training_cost.h"

#include "framework/ops/gather_samples.h"
#include "kernels/gated_linear/gated_linear_sums_wgmma.h"
#include "kernels/linear/linear_statistics_wgmma.h"
#include "kernels/linear/linear_weight_through_norm.h"
#include "layers/pass_cost.h"
#include "layers/route.h"
#include "layers/visit.h"

namespace cf::layers {

namespace {

std::int64_t outputs_of(const Parameter& weight) { return weight.shape.extent<K>().value; }
std::int64_t inputs_of(const Parameter& weight) { return weight.shape.extent<C>().value; }

// Walks the network as its call operator does; each layer adds its passes forward and remembers those
// backward, which come in the other order.
class StepWriter {
 public:
  StepWriter(ConvFirstNet& net, const Shape& images, const TrainingCostOptions& options)
      : net_(net), options_(options), at_(images) {}

  std::vector<TrainingPart> write() {
    add_images();
    net_.visit_parts([&](const std::string& path, auto& part) { add(path, part); });
    add_loss();
    add_optimizer();
    return std::move(parts_);
  }

 private:
  static constexpr DType kWide = DType::Float32;

  std::int64_t samples() const { return at_.extent<N>().value; }
  std::int64_t pixels_of_sample() const { return at_.extent<H>().value * at_.extent<W>().value; }
  std::int64_t channels() const { return at_.extent<C>().value; }

  KernelCost named(const std::string& name, const PassCost& cost) const {
    return {parts_.back().path + name, cost.macs,
            cost.narrow * size_of(options_.type) + cost.wide * size_of(kWide)};
  }
  void forward(const std::string& name, const PassCost& cost) {
    parts_.back().passes.push_back(named(name, cost));
  }
  void backward(const std::string& name, const PassCost& cost) { backward_.push_back(named(name, cost)); }

  TrainingPart& begin_part(const std::string& path, std::string text) {
    return parts_.emplace_back(TrainingPart{.path = path, .text = std::move(text)});
  }
  void end_part() {
    auto& passes = parts_.back().passes;
    passes.insert(passes.end(), backward_.rbegin(), backward_.rend());
    backward_.clear();
  }

  // Whether both gradients of a convolution come from one pass.
  bool joins_gradients() const { return options_.place == PlaceKind::Cuda && options_.type != kWide; }

  // --- layers on m rows

  // has_dy: the weight's gradient is taken where dy is written, which it need not read.
  void linear(const std::string& name, std::int64_t m, const Parameter& weight, bool bias = false,
              bool statistics = false, bool adds = false, bool has_dy = false) {
    const std::int64_t c = inputs_of(weight), k = outputs_of(weight);
    PassCost of_weight = passes::linear_backward_weight(m, c, k, bias);
    if (has_dy) of_weight.narrow -= static_cast<double>(m * k);
    forward(name, passes::linear(m, c, k, bias, statistics));
    backward(name + " backward input", passes::linear_backward_input(m, c, k, adds));
    backward(name + " backward weight", of_weight);
  }

  void conv(std::int64_t m, const Parameter& weight, bool adds) {
    const std::int64_t c = outputs_of(weight);
    forward(".conv", passes::grouped_conv(m, c, false));
    if (joins_gradients()) {
      return backward(".conv backward",
                      adds ? passes::grouped_conv_backward_onto(m, c) : passes::grouped_conv_backward(m, c));
    }
    PassCost input = passes::grouped_conv_backward_input(m, c);
    if (adds) input.narrow += static_cast<double>(m * c);
    backward(".conv backward input", input);
    backward(".conv backward weight", passes::grouped_conv_backward_weight(m, c));
  }

  // With expand_bn and its activation in front.
  void normed_conv(std::int64_t m, std::int64_t c) {
    forward(".conv", passes::normed_conv(m, c));
    if (joins_gradients()) {
      return backward(".conv and expand_bn backward", passes::normed_conv_backward(m, c));
    }
    backward(".expand_bn backward", passes::batch_norm_backward(m, c));
    backward(".conv backward input", passes::grouped_conv_backward_input(m, c));
    backward(".conv backward weight", passes::normed_conv_backward_weight(m, c));
  }

  void norm(const std::string& name, std::int64_t m, std::int64_t c) {
    forward(name + " statistics", passes::batch_norm_statistics(m, c));
    forward(name + " apply", passes::batch_norm_apply(m, c));
    backward(name + " backward", passes::batch_norm_backward(m, c));
  }

  // --- parts

  void add_images() {
    begin_part("images", concat("uint8 ", at_.text()));
    const auto elements = static_cast<double>(at_.size());
    parts_.back().passes.push_back(
        {"images normalize", 0, elements * (size_of(DType::UInt8) + size_of(options_.type))});
  }

  void add(const std::string& path, Downsample& layer) {
    const Parameter& filter = layer.conv.weight;
    const std::int64_t side = filter.shape.extent<R>().value, k = outputs_of(filter);
    begin_part(path, concat("patch conv ", side, "x", side, " C=", channels(), " K=", k, " ",
                            at_.extent<H>().value, "x", at_.extent<W>().value));
    const std::int64_t inputs = at_.size(), size = filter.shape.size() / k;
    at_ = Shape(at_.extent<N>(), H{at_.extent<H>().value / side}, W{at_.extent<W>().value / side}, C{k});
    const PassCost cost = passes::patch_conv(inputs, at_.size(), size, k);
    forward(".conv", cost);
    if (path != "stem") backward(".conv backward input", cost);  // nobody asks for the images' gradient
    backward(".conv backward weight", passes::patch_conv_backward_weight(inputs, at_.size(), size, k));
    norm(".bn", samples() * pixels_of_sample(), k);
    end_part();
  }

  void add(const std::string& path, Block& block) {
    const auto drop = static_cast<float>(net_.drop_probability(block_++));
    std::visit([&](auto& layer) { add_block(path, layer, kept_samples(samples(), drop)); }, block);
    end_part();
  }

  void begin_block(const std::string& path, std::string_view kind, const Parameter& expand) {
    const BlockShape shape{.kind = kind,
                           .n = samples(),
                           .h = at_.extent<H>().value,
                           .w = at_.extent<W>().value,
                           .channels = channels(),
                           .hidden = outputs_of(expand)};
    TrainingPart& part = begin_part(path, shape.text());
    part.is_block = true;
  }

  // The samples that a branch works on, and the way back, unless all are kept: then the branch's first layer
  // adds to the residual's gradient.
  void gather(std::int64_t kept) {
    if (kept == samples()) return;
    const std::int64_t rows = kept * pixels_of_sample();
    forward(" gather", passes::gather_samples(rows, channels()));
    backward(" add residual's gradient", passes::scatter_add_samples(rows, channels()));
  }

  // The block's last norm rides on the sum; of a fused branch its statistics are known.
  void norm_and_add(std::int64_t kept, bool fused = false) {
    const std::int64_t rows = kept * pixels_of_sample(), all = samples() * pixels_of_sample();
    forward(".project_bn statistics", fused ? passes::batch_norm_of_given(channels())
                                            : passes::batch_norm_statistics(rows, channels()));
    forward(" sum", passes::residual_sum(all, rows, channels()));
    backward(".project_bn backward", passes::batch_norm_backward(rows, channels()));
  }

  std::string why_not_fused() const {
    if (!options_.fuses) return "layer by layer, as asked for";
    if (net_.activation() != kernels::Activation::Relu) {
      return concat("the fused passes have relu only, the activation is ", name_of(net_.activation()));
    }
    return why_no_convfirst_branch(options_.place, options_.type, channels());
  }

  void add_block(const std::string& path, ConvFirst& block, std::int64_t kept) {
    begin_block(path, "convfirst", block.expand.weight);
    const std::int64_t m = kept * pixels_of_sample(), e = outputs_of(block.expand.weight);
    parts_.back().why_not_fused = why_not_fused();
    const bool fused = parts_.back().why_not_fused.empty();
    if (fused) {
      fused_branch(m, channels(), e);
    } else {
      gather(kept);
      conv(m, block.conv.weight, kept == samples());
      norm(".conv_bn", m, channels());
      linear(".expand", m, block.expand.weight);
      norm(".expand_bn", m, e);
      linear(".project", m, block.project.weight);
    }
    norm_and_add(kept, fused);
  }

  // framework/ops/convfirst_branch.cpp
  void fused_branch(std::int64_t m, std::int64_t c, std::int64_t e) {
    forward(".conv centre", passes::grouped_conv_centre(m, c));
    forward(".conv", passes::grouped_conv(m, c, true));
    backward(".conv backward", passes::grouped_conv_backward_onto(m, c));
    forward(" covariance", passes::covariance(m, c));
    backward(" covariance backward", passes::covariance_backward(m, c));
    forward(" fold norms", passes::fold_batch_norms(c, e));
    backward(" fold norms backward", passes::fold_batch_norms_backward(c, e));
    forward(" feed forward", passes::feed_forward(m, c, e, true));
    backward(" feed forward backward", passes::feed_forward_backward(m, c, e));
  }

  void add_block(const std::string& path, MBConv& block, std::int64_t kept) {
    begin_block(path, "mbconv", block.expand.weight);
    gather(kept);
    const std::int64_t m = kept * pixels_of_sample(), e = outputs_of(block.expand.weight),
                       squeezed = outputs_of(block.se.reduce.weight);
    parts_.back().why_not_fused = "MBConv blocks are counted layer by layer, as they train on a GPU";
    const bool at_the_store = options_.type != kWide && kernels::fit_statistics_at_the_store(channels(), e);
    linear(".expand", m, block.expand.weight, false, at_the_store, kept == samples(),
           joins_gradients() && kernels::fit_weight_through_norm(channels(), e));
    forward(".expand_bn statistics",
            at_the_store ? passes::batch_norm_of_given(e) : passes::batch_norm_statistics(m, e));
    normed_conv(m, e);
    forward(".conv_bn statistics", passes::batch_norm_statistics(m, e));
    forward(".se", passes::gated_norm_gates(kept, m, e, squeezed));
    forward(".se applied with conv_bn", passes::gated_norm_apply(kept, m, e));
    PassCost gates = passes::gated_norm_backward(kept, m, e, squeezed);
    if (joins_gradients() && kernels::fit_sums_at_the_store(channels(), e)) {
      gates.narrow -= static_cast<double>(m * e);  // its sums are taken where its dy is stored
    }
    backward(".se and conv_bn backward", gates);
    linear(".project", m, block.project.weight);
    norm_and_add(kept);
  }

  void add(const std::string& path, Head& layer) {
    const std::int64_t n = samples(), m = n * pixels_of_sample(), features = outputs_of(layer.expand.weight);
    begin_part(path, concat("head C=", channels(), " ", features, " features, ",
                            outputs_of(layer.classifier.weight), " classes"));
    forward(".pool", passes::global_average_pool(n, m, channels()));
    backward(".pool backward", passes::global_average_pool(n, m, channels()));
    linear(".expand", n, layer.expand.weight);
    norm(".bn", n, features);
    if (net_.spec().dropout > 0) {
      const PassCost pass{.narrow = 2 * static_cast<double>(n * features)};
      forward(".dropout", pass);
      backward(".dropout backward", pass);
    }
    linear(".classifier", n, layer.classifier.weight, layer.classifier.has_bias);
    end_part();
  }

  void add_loss() {
    begin_part("loss", concat(samples(), " x ", net_.spec().classes, " logits"));
    const auto logits = static_cast<double>(samples() * net_.spec().classes);
    forward("", {.narrow = logits});
    forward(" backward", {.narrow = 2 * logits});
  }

  void add_optimizer() {
    double parameters = 0, statistics = 0;
    visit_leaves(net_, "", [&]<class Leaf>(const std::string&, const Leaf& leaf) {
      (std::is_same_v<Leaf, Parameter> ? parameters : statistics) += static_cast<double>(leaf.shape.size());
    });
    begin_part("optimizer", concat(static_cast<std::int64_t>(parameters), " parameters, ",
                                   static_cast<std::int64_t>(statistics), " running statistics"));
    if (options_.type != kWide) forward(" cast", {.narrow = parameters, .wide = parameters});
    forward(" gradient norm", {.wide = parameters});
    forward(" rule", {.wide = (3 + 2 * options_.optimizer_states) * parameters});
    forward(" running statistics", {.wide = 3 * statistics});
    if (options_.averages) forward(" averages", {.wide = 3 * (parameters + statistics)});
  }

  ConvFirstNet& net_;
  const TrainingCostOptions& options_;
  Shape at_;
  int block_ = 0;
  std::vector<TrainingPart> parts_;
  std::vector<KernelCost> backward_;  // of the part, in the order of the forward pass
};

}  // namespace

std::vector<TrainingPart> training_cost(ConvFirstNet& net, const Shape& images,
                                        const TrainingCostOptions& options) {
  net.check_image(images.extent<H>().value, images.extent<W>().value);
  return StepWriter(net, images, options).write();
}

}  // namespace cf::layers
