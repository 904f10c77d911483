// A network prepared for inference: weights with their norms folded in, a route for each block, all memory
// laid out; on a GPU one graph. Built once for the weights as they are then, a batch and an image size.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/runtime/planned_work.h"
#include "layers/convfirst_net.h"
#include "layers/kernel_cost.h"
#include "layers/route.h"

namespace cf::layers {

// The largest batch, and the size of its images.
struct InferenceShape {
  std::int64_t samples, height, width;
};

// A block of the network in a plan, or its stem, a step between stages, its head.
struct PlannedPart {
  std::string path;  // "stages.0.blocks.1"
  std::string text;  // "convfirst C=64 E=384 56x56"
  bool is_block = false;
  Route route = {};                      // of a block
  std::vector<KernelCost> kernels = {};  // of a whole batch, in order; kernel i is step first_step + i
  std::size_t first_step = 0;
};

class InferencePlan {
 public:
  // Folds and takes memory at `executor`, in its compute type; activations are of `type` where the place
  // computes in several. The network's parameters must be prepared for compute (ParameterStore) and outlive
  // the plan, which does not notice when they change. With model.fusion = "require" a block without a fused
  // route is a Usage error that says why; with "off" a plan must not be asked for.
  InferencePlan(Executor& executor, ConvFirstNet& net, const InferenceShape& shape, DType type);

  // The same for the executor's own device with other routes.
  InferencePlan(Executor& executor, ConvFirstNet& net, const InferenceShape& shape,
                const RouteDevice& device);

  // The same on paper, for any device: parts, costs and memory, but nothing that runs.
  InferencePlan(ConvFirstNet& net, const InferenceShape& shape, const RouteDevice& device);

  // x [N,H,W,C] of at most the plan's samples; returns logits [N,C = classes], which the next call
  // overwrites.
  Tensor operator()(const Tensor& x);

  // The same without copying x: who has filled input(), which no run changes, gives all kernels, or some of a
  // part, to the executor, for the plan's whole batch.
  Tensor input() const { return work_.tensor(input_, shape_.samples); }
  void run_kernels() const { work_.run_steps(shape_.samples, 0, work_.steps().size()); }
  void run_kernels(const PlannedPart& part, std::size_t first, std::size_t count) const {
    work_.run_steps(shape_.samples, part.first_step + first, part.first_step + first + count);
  }

  const std::vector<PlannedPart>& parts() const { return parts_; }
  std::size_t fused_blocks() const;
  std::size_t blocks() const;

  // Of activations: the one block that holds them, and all of them side by side.
  std::size_t memory_bytes() const { return work_.planned_bytes(); }
  std::size_t activation_bytes() const { return work_.unplanned_bytes(); }

 private:
  void build(Executor* executor, ConvFirstNet& net, const RouteDevice& device);
  void clear_input_from(std::int64_t sample) const;

  Executor* executor_ = nullptr;
  InferenceShape shape_;
  PlannedWork work_;
  PlannedWork::Value input_ = 0, logits_ = 0;
  std::vector<PlannedPart> parts_;
};

// A network in inference as model.fusion says: by a plan, or layer by layer with "off".
class Inference {
 public:
  // `device` says by which routes a plan computes, in its type.
  Inference(Executor& executor, ConvFirstNet& net, const InferenceShape& shape, const RouteDevice& device);

  // As InferencePlan.
  Tensor operator()(const Tensor& x);

  // The kernels of the last call again, for timing: that was with this `x`, a whole batch.
  void run_kernels(const Tensor& x);

  const InferencePlan* plan() const { return plan_.get(); }

 private:
  Executor& executor_;
  ConvFirstNet& net_;
  std::unique_ptr<InferencePlan> plan_;
};

}  // namespace cf::layers
