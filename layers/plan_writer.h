// Writes the steps of an inference plan, part by part of a network.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "framework/ops/inference.h"
#include "layers/inference_plan.h"

namespace cf::layers {

class PlanWriter {
 public:
  using Value = PlannedWork::Value;

  // Without an executor nothing is folded, and the steps cannot run.
  PlanWriter(Executor* executor, const RouteDevice& device, const ConvFirstNet& net, PlannedWork& work,
             std::vector<PlannedPart>& parts)
      : executor_(executor),
        device_(device),
        activation_(net.activation()),
        require_fused_(net.spec().fusion == "require"),
        work_(work),
        parts_(parts) {}

  // [N,H,W,C] of the images; the input of the next part.
  Value start(const Shape& images);

  void add(const std::string& path, Downsample& layer);
  void add(const std::string& path, Block& block);
  // Returns the logits [N,C = classes].
  Value add(const std::string& path, Head& layer);

 private:
  // The extents of what the next part reads.
  std::int64_t n() const { return at_.extent<N>().value; }
  std::int64_t h() const { return at_.extent<H>().value; }
  std::int64_t w() const { return at_.extent<W>().value; }
  std::int64_t channels() const { return at_.extent<C>().value; }
  double pixels() const { return static_cast<double>(n() * h() * w()); }

  using Run = std::function<void(Executor&, const PlannedWork::Tensors&)>;
  // A kernel of the last part; `weights` are elements it reads beside its tensors.
  void kernel(const std::string& name, const std::vector<Value>& reads, const std::vector<Value>& writes,
              double macs, std::int64_t weights, Run run);

  PlannedPart& begin_part(const std::string& path, std::string text);
  BlockShape block_shape(std::string_view kind, std::int64_t hidden) const;
  inference::FoldedWeights fold(const Parameter& weight, BatchNorm& norm) const;
  Value image(std::int64_t image_channels);
  Value wide(std::int64_t features);
  Value linear(const std::string& name, Value x, const PointwiseConv& layer, BatchNorm& norm,
               kernels::Activation activation, Value residual);
  Value grouped_conv(const std::string& name, Value x, const GroupedConv& layer, BatchNorm& norm,
                     kernels::Activation activation);
  Value squeeze_excite(const std::string& name, Value x, SqueezeExcite& layer);

  void add_block(const std::string& path, ConvFirst& block);
  void add_block(const std::string& path, MBConv& block);
  void fused_mbconv(Value x, MBConv& block);

  static constexpr Value kNone = -1;

  Executor* executor_;
  RouteDevice device_;
  kernels::Activation activation_;
  bool require_fused_;
  PlannedWork& work_;
  std::vector<PlannedPart>& parts_;
  Shape at_;
  Value x_ = kNone;  // of shape at_
};

}  // namespace cf::layers
