#include "tests/layers/fused_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "kernels/base/philox.h"
#include "layers/convfirst_net.h"
#include "optim/optimizer.h"
#include "tests/layers/block_store.h"
#include "tests/layers/gradient_probe.h"

namespace cf::layers::fused_block {

namespace {

Tensor tensor_of(const Values& values, const Shape& shape, DType dtype) {
  Tensor out = Tensor::empty(host_pool(), DType::Float64, shape);
  std::copy(values.begin(), values.end(), out.flat<double>().begin());
  return converted(out, dtype, host_pool());
}

Values values_of(Executor& executor, const Tensor& tensor) {
  const Tensor host = converted(executor.to_host(tensor), DType::Float64, host_pool());
  const auto flat = host.flat<const double>();
  return {flat.begin(), flat.end()};
}

// Of the draw `seed`: ReLUs that rounding flips make the error of a single one a matter of luck.
Values normal_values(std::uint64_t seed, std::int64_t size, std::uint64_t stream, double deviation = 1,
                     double mean = 0) {
  Philox random(seed, Purpose::Test, stream);
  Values out(static_cast<std::size_t>(size));
  for (double& value : out) value = mean + deviation * static_cast<double>(random.normal());
  return out;
}

// The parameters of the block: filters as they are initialised, norms off the identity. For inputs far from
// zero the convolution is about the identity, so that its borders do not dwarf the deviation.
void set_parameters(const ParameterStore& store, const Problem& problem, const Inputs& inputs) {
  std::uint64_t stream = 10;
  for (const Parameter* p : store.parameters()) {
    const bool norm = p->initial.kind == Initial::Kind::Constant;
    Values values = normal_values(inputs.seed, p->shape.size(), stream++, norm ? 0.3 : p->initial.value,
                                  norm ? p->initial.value : 0);
    if (problem.far_from_zero && p->interchange == Interchange::Filter) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t k = i / 72 % 8, tap = i / 8 % 9, c = i % 8;
        values[i] = tap == 4 && c == k ? 1 : tap == 4 ? 0.01 * values[i] : 0;
      }
    }
    const Tensor narrow = tensor_of(values, p->shape, DType::Float32);
    store.executor().write(converted(narrow, store.dtype(), host_pool()).bytes(), p->value);
  }
}

Tensor placed(Executor& executor, const Tensor& host) {
  Tensor out = executor.empty(host.dtype(), host.shape());
  executor.write(host.bytes(), out);
  return out;
}

// A block at a place, with parameters.
struct PlacedBlock {
  std::unique_ptr<Executor> executor;
  std::optional<Block> block;
  std::unique_ptr<ParameterStore> store;

  PlacedBlock(const Problem& problem, const Place& place, Fusion fusion, const Inputs& inputs)
      : executor(place.make()) {
    if (problem.kind == Kind::ConvFirst) {
      block.emplace(std::in_place_type<ConvFirst>, problem.channels, problem.expansion, fusion);
    } else {
      block.emplace(std::in_place_type<MBConv>, problem.channels, problem.expansion, fusion);
    }
    store = std::visit([&](auto& layer) { return test::store_of(layer, *executor, place.parameter_type()); },
                       *block);
    store->initialise(1);
    set_parameters(*store, problem, inputs);
    store->prepare_compute(place.dtype);
    store->begin_step();
  }

  Variable operator()(const Variable& x, Pass& pass, const std::vector<std::int64_t>& samples) {
    Tensor kept;
    if (!samples.empty()) {
      kept = executor->place<std::int64_t>(samples, Shape(N{static_cast<std::int64_t>(samples.size())}));
    }
    return std::visit([&](auto& layer) { return layer(x, pass, kernels::Activation::Relu, kept); }, *block);
  }
};

double norm(const Values& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

}  // namespace

Inputs::Inputs(const Problem& p, DType dtype, std::uint64_t draw)
    : shape(N{p.n}, H{p.h}, W{p.w}, C{p.channels}), seed(draw) {
  x = rounded(normal_values(seed, shape.size(), 1), dtype);
  dy = rounded(normal_values(seed, shape.size(), 2), dtype);
  if (p.far_from_zero) move_far_from_zero(dtype);
}

// Channels at 100 deviations from zero, but the first, which is 3 everywhere except at one pixel.
void Inputs::move_far_from_zero(DType dtype) {
  const auto channels = static_cast<std::size_t>(shape.extent<C>().value);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % channels == 0 ? 3 : 100 + std::round(2 * x[i]) / 2;
  x[5 * channels] = 3.125;
  x = rounded(x, dtype);
}

Values Inputs::rounded(const Values& values, DType dtype) const {
  const Tensor narrow = converted(tensor_of(values, shape, dtype), DType::Float64, host_pool());
  const auto flat = narrow.flat<const double>();
  return {flat.begin(), flat.end()};
}

Results run(const Problem& problem, const Inputs& inputs, const Place& place, Fusion fusion) {
  PlacedBlock block(problem, place, fusion, inputs);
  Executor& executor = *block.executor;
  Pass pass(executor, {.training = true});
  Tensor dx;
  const Variable x = test::probed(pass, placed(executor, tensor_of(inputs.x, inputs.shape, place.dtype)), dx);
  const Variable y = block(x, pass, problem.kept);
  Results results = {{"y", values_of(executor, y.tensor(pass))}};
  pass.backward(y, placed(executor, tensor_of(inputs.dy, inputs.shape, place.dtype)));
  results.emplace_back("dx", values_of(executor, dx));
  for (const Parameter* p : block.store->parameters()) {
    EXPECT_GT(p->gradient_writes, 0) << p->name;
    results.emplace_back(p->name, values_of(executor, p->gradient));
  }
  for (const Statistic* s : block.store->statistics()) {
    EXPECT_TRUE(s->has_batch) << s->name;
    results.emplace_back(s->name, values_of(executor, s->batch));
  }
  return results;
}

double error_of(const Values& values, const Values& truth, double least) {
  Values difference(truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) difference[i] = values[i] - truth[i];
  const double error = norm(difference);
  return std::isfinite(error) ? error / std::max(norm(truth), least) : HUGE_VAL;
}

std::int64_t saved_bytes(const Problem& problem, const Place& place, Fusion fusion) {
  const Inputs inputs(problem, place.dtype, 1);
  PlacedBlock block(problem, place, fusion, inputs);
  const auto in_use = [&] { return block.executor->pool().use().in_use_bytes; };
  Pass pass(*block.executor, {.training = true});
  Variable x(placed(*block.executor, tensor_of(inputs.x, inputs.shape, place.dtype)));
  const std::int64_t before = in_use();
  block(x, pass, problem.kept);
  return in_use() - before;
}

std::vector<double> train(Kind kind, const std::string& fusion) {
  const std::string block = kind == Kind::ConvFirst ? "convfirst" : "mbconv";
  const auto executor = Executor::cpu(2);
  ConvFirstNet net({.classes = 4,
                    .channels = 2,
                    .patch = 2,
                    .blocks = {block, block},
                    .widths = {8, 16},
                    .depths = {2, 2},
                    .expansion = {3, 2},
                    .head = 12,
                    .drop_path = 0.3,
                    .fusion = fusion});
  const auto store = net.make_store(*executor);
  store->initialise(5);
  optim::Optimizer optimizer(*executor, *store, {});
  const Shape shape(N{6}, H{9}, W{10}, C{2});
  const Tensor x = tensor_of(normal_values(3, shape.size(), 4), shape, DType::Float32);
  Target target{.labels = executor->empty(DType::Int64, Shape(N{6})), .soft_targets = {}, .smoothing = 0.1F};
  for (const N n : range(N{6})) target.labels.view<std::int64_t, N>()(n) = n.value % 4;
  const Tensor one = tensor_of({1}, Shape(I{1}), DType::Float32);
  std::vector<double> losses;
  for (std::int64_t step = 0; step < 6; ++step) {
    store->begin_step();
    Pass pass(*executor, {.training = true, .seed = 5, .step = step});
    const Variable loss =
        classification_loss(pass, net(Variable(x), pass), kernels::LossKind::CrossEntropy, target);
    losses.push_back(values_of(*executor, loss.tensor(pass)).front());
    pass.backward(loss, one);
    optimizer.step(step + 1, 0.05);
  }
  return losses;
}

}  // namespace cf::layers::fused_block
