#include "apps/bench/block_benchmark.h"

#include <algorithm>
#include <memory>

#include "apps/bench/repeated_values.h"
#include "apps/bench/rotating_memory.h"
#include "framework/autograd/pass.h"
#include "framework/parameters/parameter_store.h"
#include "layers/conv_first.h"
#include "layers/mbconv.h"
#include "layers/visit.h"

namespace cf::apps {

namespace {

// Stands in front of the block, so that backward computes the gradient of its input too.
class InputNode final : public Node {
 public:
  const char* op() const override { return "input"; }
  void backward(Pass&, Tensor, std::span<const bool>, std::span<Tensor>) override {}
};

layers::LayerCost cost_of(const BlockCase& shape) {
  layers::Description description;
  layers::Extent at{shape.side, shape.side, shape.channels};
  if (shape.kind == "convfirst") {
    layers::ConvFirst(shape.channels, shape.expansion).describe(description, "", at);
  } else {
    layers::MBConv(shape.channels, shape.expansion).describe(description, "", at);
  }
  return description.total();
}

double activation_bytes(const BlockCase& shape, DType type) {
  return static_cast<double>(shape.n * shape.side * shape.side * shape.channels * size_of(type));
}

// A block with parameters of its own.
template <class Layer>
class Block {
 public:
  Block(Executor& executor, const BlockCase& shape)
      : executor_(executor),
        layer_(shape.channels, shape.expansion, shape.fused ? layers::Fusion::Require : layers::Fusion::Off),
        training_(shape.training) {
    std::vector<Parameter*> parameters;
    std::vector<Statistic*> statistics;
    layers::visit_leaves(layer_, "", [&]<class Leaf>(const std::string& path, Leaf& leaf) {
      leaf.name = path;
      if constexpr (std::is_same_v<Leaf, Parameter>) {
        parameters.push_back(&leaf);
      } else {
        statistics.push_back(&leaf);
      }
    });
    store_ = std::make_unique<ParameterStore>(executor, parameters, statistics);
    store_->initialise(1);
    store_->prepare_compute(executor.compute_type());
  }

  void run(const Tensor& x, const Tensor& dy) {
    Pass pass(executor_, {.training = training_});
    const auto relu = kernels::Activation::Relu;
    if (!training_) {
      layer_(Variable(x), pass, relu, {}).tensor(pass);
      return;
    }
    store_->begin_step();
    const Variable input(x, pass.tape().add(std::make_unique<InputNode>(), {}));
    const Variable y = layer_(input, pass, relu, {});
    y.tensor(pass);
    pass.backward(y, dy);
  }

 private:
  Executor& executor_;
  Layer layer_;
  bool training_;
  std::unique_ptr<ParameterStore> store_;
};

template <class Layer>
Timing time_block(Executor& executor, const BlockCase& shape, std::int64_t copies,
                  const TimingOptions& options) {
  Block<Layer> block(executor, shape);
  std::vector<Tensor> x, dy;
  for (std::int64_t i = 0; i < copies; ++i) {
    const Shape extents(N{shape.n}, H{shape.side}, W{shape.side}, C{shape.channels});
    x.push_back(normal_tensor(executor, executor.compute_type(), extents));
    dy.push_back(shape.training ? normal_tensor(executor, executor.compute_type(), extents) : Tensor());
  }
  return time_runs(executor, copies, options, [&](std::int64_t number) {
    const auto i = static_cast<std::size_t>(number);
    block.run(x[i], dy[i]);
  });
}

}  // namespace

std::string BlockCase::name() const {
  return concat("block/", kind, training ? "/train" : "/forward", " N=", n, " H=", side, " W=", side,
                " C=", channels, " E=", expansion, fused ? " fused" : " layer-wise");
}

std::vector<BlockCase> block_cases() {
  std::vector<BlockCase> shapes;
  for (const bool training : {false, true}) {
    shapes.push_back({"convfirst", 128, 56, 64, 6, training});
    shapes.push_back({"convfirst", 128, 28, 128, 6, training});
    shapes.push_back({"mbconv", 128, 14, 256, 4, training});
    shapes.push_back({"mbconv", 128, 7, 512, 4, training});
    shapes.push_back({"convfirst", 128, 56, 32, 6, training});
  }
  shapes.push_back({"convfirst", 128, 56, 64, 6, true, true});
  shapes.push_back({"convfirst", 128, 28, 128, 6, true, true});
  shapes.push_back({"convfirst", 128, 56, 32, 6, true, true});
  shapes.push_back({"mbconv", 128, 14, 256, 4, true, true});
  shapes.push_back({"mbconv", 128, 7, 512, 4, true, true});
  return shapes;
}

double flops_of(const BlockCase& shape) {
  const double passes = shape.training ? 3 : 1;
  return 2 * passes * static_cast<double>(shape.n * cost_of(shape).macs);
}

double bytes_of(const BlockCase& shape, DType type) {
  const auto parameters = static_cast<double>(cost_of(shape).parameters);
  const double forward = 2 * activation_bytes(shape, type) + parameters * size_of(type);
  if (!shape.training) return forward;
  const double gradients = parameters * size_of(DType::Float32);
  return forward + 3 * activation_bytes(shape, type) + parameters * size_of(type) + gradients;
}

CaseResult benchmark_block(Executor& executor, const BlockCase& shape, const DeviceLimits& limits,
                           std::int64_t cache_bytes, const TimingOptions& options) {
  const DType type = executor.compute_type();
  CaseResult result{
      .name = shape.name(),
      .type = type,
      .flops = flops_of(shape),
      .bytes = bytes_of(shape, type),
      .copies = copies_beyond(cache_bytes, static_cast<std::int64_t>(activation_bytes(shape, type)))};
  result.limit_seconds = limits.seconds(result.flops, result.bytes);
  result.timing =
      in_context([&] { return result.name; },
                 [&] {
                   return shape.kind == "convfirst"
                              ? time_block<layers::ConvFirst>(executor, shape, result.copies, options)
                              : time_block<layers::MBConv>(executor, shape, result.copies, options);
                 });
  return result;
}

}  // namespace cf::apps
