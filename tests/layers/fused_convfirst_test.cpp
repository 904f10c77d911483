// A ConvFirst block trained by fused passes against its layers: output, every gradient and the running
// statistics. In double they agree to rounding; in narrower types the fused passes err no more than the
// layers do, also where a norm's input lies far from zero.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "kernels/base/philox.h"
#include "kernels/batch_norm/batch_norm.h"
#include "layers/convfirst_net.h"
#include "optim/optimizer.h"
#include "tests/data/expect_error.h"
#include "tests/layers/block_store.h"
#include "tests/layers/gradient_probe.h"

namespace cf::layers {
namespace {

struct Problem {
  const char* name;
  std::int64_t n, h, w, channels, expansion;
  std::vector<std::int64_t> kept = {};
  bool far_from_zero = false;
};

const Problem kProblems[] = {
    {"ragged", 3, 5, 7, 24, 3},
    {"one_group_of_one_sample", 1, 6, 5, 8, 2},
    {"wide", 1, 9, 8, 64, 5},
    {"kept_samples", 5, 7, 6, 16, 4, {0, 2, 3}},
    {"one_kept_sample", 4, 3, 4, 16, 2, {2}},
    {"far_from_zero", 4, 8, 7, 16, 4, {}, true},
};

struct Place {
  const char* name;
  std::unique_ptr<Executor> (*make)();
  DType dtype;

  DType parameter_type() const { return dtype == DType::Float64 ? dtype : DType::Float32; }
};

const Place kReference64 = {"reference_float64", [] { return Executor::reference(); }, DType::Float64};
const Place kPlaces[] = {
    kReference64,
    {"reference_float32", [] { return Executor::reference(); }, DType::Float32},
    {"reference_float16", [] { return Executor::reference(); }, DType::Float16},
    {"reference_bfloat16", [] { return Executor::reference(); }, DType::BFloat16},
    {"cpu", [] { return Executor::cpu(2); }, DType::Float32},
#ifdef CF_WITH_CUDA
    {"cuda_float16", [] { return Executor::cuda(0, DType::Float16); }, DType::Float16},
    {"cuda_bfloat16", [] { return Executor::cuda(0, DType::BFloat16); }, DType::BFloat16},
#endif
};

using Values = std::vector<double>;

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

// What a step of one block is given. Values are those of float32, x and dy of a narrower type.
struct Inputs {
  Values x, dy;
  Shape shape;
  std::uint64_t seed;

  Inputs(const Problem& p, DType dtype, std::uint64_t draw)
      : shape(N{p.n}, H{p.h}, W{p.w}, C{p.channels}), seed(draw) {
    x = rounded(normal_values(seed, shape.size(), 1), dtype);
    dy = rounded(normal_values(seed, shape.size(), 2), dtype);
    if (p.far_from_zero) move_far_from_zero(dtype);
  }

  // Channels at 100 deviations from zero, but the first, which is 3 everywhere except at one pixel.
  void move_far_from_zero(DType dtype) {
    const auto channels = static_cast<std::size_t>(shape.extent<C>().value);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = i % channels == 0 ? 3 : 100 + std::round(2 * x[i]) / 2;
    x[5 * channels] = 3.125;
    x = rounded(x, dtype);
  }

  Values rounded(const Values& values, DType dtype) const {
    const Tensor narrow = converted(tensor_of(values, shape, dtype), DType::Float64, host_pool());
    const auto flat = narrow.flat<const double>();
    return {flat.begin(), flat.end()};
  }
};

// The parameters of the block: filters as they are initialised, norms off the identity. For inputs far from
// zero the convolution is about the identity, so that its borders do not dwarf the deviation.
void set_parameters(const ParameterStore& store, const Problem& problem, std::uint64_t seed) {
  std::uint64_t stream = 10;
  for (const Parameter* p : store.parameters()) {
    const bool norm = p->initial.kind == Initial::Kind::Constant;
    Values values = normal_values(seed, p->shape.size(), stream++, norm ? 0.3 : p->initial.value,
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

using Results = std::vector<std::pair<std::string, Values>>;

Tensor placed(Executor& executor, const Tensor& host) {
  Tensor out = executor.empty(host.dtype(), host.shape());
  executor.write(host.bytes(), out);
  return out;
}

Results run(const Problem& problem, const Inputs& inputs, const Place& place, Fusion fusion) {
  const auto executor = place.make();
  ConvFirst block(problem.channels, problem.expansion, fusion);
  const auto store = test::store_of(block, *executor, place.parameter_type());
  store->initialise(1);
  set_parameters(*store, problem, inputs.seed);
  store->prepare_compute(place.dtype);
  store->begin_step();

  Tensor kept;
  if (!problem.kept.empty()) {
    kept =
        executor->place<std::int64_t>(problem.kept, Shape(N{static_cast<std::int64_t>(problem.kept.size())}));
  }
  Pass pass(*executor, {.training = true});
  Tensor dx;
  const Variable x =
      test::probed(pass, placed(*executor, tensor_of(inputs.x, inputs.shape, place.dtype)), dx);
  const Variable y = block(x, pass, kernels::Activation::Relu, kept);
  Results results = {{"y", values_of(*executor, y.tensor(pass))}};
  pass.backward(y, placed(*executor, tensor_of(inputs.dy, inputs.shape, place.dtype)));
  results.emplace_back("dx", values_of(*executor, dx));
  for (const Parameter* p : store->parameters()) {
    EXPECT_GT(p->gradient_writes, 0) << p->name;
    results.emplace_back(p->name, values_of(*executor, p->gradient));
  }
  for (const Statistic* s : store->statistics()) {
    EXPECT_TRUE(s->has_batch) << s->name;
    results.emplace_back(s->name, values_of(*executor, s->batch));
  }
  return results;
}

double norm(const Values& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

// Relative to the truth's norm, or to `least` where that is larger: gradients that are zero in theory.
double error_of(const Values& values, const Values& truth, double least) {
  Values difference(truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) difference[i] = values[i] - truth[i];
  const double error = norm(difference);
  return std::isfinite(error) ? error / std::max(norm(truth), least) : HUGE_VAL;
}

// About a rounding of the result.
double floor_of(DType type) {
  return type == DType::Float64 ? 1e-9 : type == DType::Float32 ? 1e-6 : type == DType::Float16 ? 5e-4 : 4e-3;
}

class FusedConvFirst : public testing::TestWithParam<std::tuple<Problem, Place>> {
 protected:
  void SetUp() override {
    const bool needs_gpu = std::string_view(std::get<1>(GetParam()).name).starts_with("cuda");
    if (needs_gpu && count_gpus().count == 0) GTEST_SKIP() << count_gpus().why_none;
  }
};

TEST_P(FusedConvFirst, ErrsNoMoreThanTheLayers) {
  const auto& problem = std::get<0>(GetParam());
  const auto& place = std::get<1>(GetParam());
  const std::uint64_t draws = size_of(place.dtype) == 2 ? 4 : 1;
  std::map<std::string, double> layers, fused;  // sums of squared errors
  for (std::uint64_t draw = 0; draw < draws; ++draw) {
    const Inputs inputs(problem, place.dtype, draw);
    const Results truth = run(problem, inputs, kReference64, Fusion::Off);
    const auto add = [&](Fusion fusion, std::map<std::string, double>& sums) {
      const Results results = run(problem, inputs, place, fusion);
      ASSERT_EQ(results.size(), truth.size());
      for (std::size_t i = 0; i < truth.size(); ++i) {
        const auto& [name, expected] = truth[i];
        const double least = 1e-3 * std::sqrt(static_cast<double>(expected.size()));
        sums[name] += std::pow(error_of(results[i].second, expected, least), 2);
      }
    };
    add(Fusion::Off, layers);
    add(Fusion::Require, fused);
  }
  const double factor = problem.far_from_zero ? 1 : 1.5;
  const auto mean = [&](double sum) { return std::sqrt(sum / static_cast<double>(draws)); };
  for (const auto& [name, sum] : fused) {
    EXPECT_LE(mean(sum), factor * mean(layers[name]) + floor_of(place.dtype)) << name;
  }
}

TEST_P(FusedConvFirst, TwoRunsAreBitEqual) {
  const auto& [problem, place] = GetParam();
  const Inputs inputs(problem, place.dtype, 0);
  EXPECT_EQ(run(problem, inputs, place, Fusion::Require), run(problem, inputs, place, Fusion::Require));
}

INSTANTIATE_TEST_SUITE_P(Problems, FusedConvFirst,
                         testing::Combine(testing::ValuesIn(kProblems), testing::ValuesIn(kPlaces)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + "_" +
                                  std::get<1>(test.param).name;
                         });

TEST(FusedConvFirstBlock, RefusesOneValuePerChannel) {
  const Problem problem{"one pixel", 1, 1, 1, 8, 2};
  const Inputs inputs(problem, DType::Float32, 0);
  expect_error(ErrorKind::Usage, {"N*H*W = 1"}, [&] { run(problem, inputs, kPlaces[4], Fusion::Require); });
}

TEST(FusedConvFirstBlock, RefusesAnotherActivationWhereItIsRequired) {
  const auto executor = Executor::reference();
  ConvFirst block(8, 2, Fusion::Require);
  const auto store = test::store_of(block, *executor, DType::Float64);
  Pass pass(*executor, {.training = true});
  const Tensor x = executor->zeros(DType::Float64, Shape(N{2}, H{2}, W{2}, C{8}));
  expect_error(ErrorKind::Usage, {"silu"}, [&] { block(Variable(x), pass, kernels::Activation::Silu, {}); });
}

// Losses of a few steps of a small network.
std::vector<double> train(const std::string& fusion) {
  const auto executor = Executor::cpu(2);
  ConvFirstNet net({.classes = 4,
                    .channels = 2,
                    .patch = 2,
                    .blocks = {"convfirst", "convfirst"},
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

TEST(FusedConvFirstBlock, TrainsAsTheLayersDo) {
  const auto layers = train("off"), fused = train("require");
  for (std::size_t i = 0; i < layers.size(); ++i) EXPECT_NEAR(fused[i], layers[i], 1e-3 * layers[i]) << i;
  EXPECT_LT(fused.back(), fused.front());
}

}  // namespace
}  // namespace cf::layers
