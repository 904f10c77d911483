// A network by its plan against the same network layer by layer, and what a plan promises.
#include "layers/inference_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/autograd/pass.h"
#include "kernels/base/philox.h"
#include "tests/data/expect_error.h"

namespace cf::layers {
namespace {

ConvFirstNetSpec planned_net(const std::string& activation = "relu") {
  return {.classes = 6,
          .channels = 3,
          .patch = 2,
          .widths = {8, 16, 16, 24},
          .depths = {2, 1, 2, 1},
          .expansion = {4, 2, 2, 4},
          .head = 20,
          .activation = activation};
}

// A network whose norms do something.
struct NormedNetwork {
  std::unique_ptr<Executor> executor;
  DType type;
  ConvFirstNet net;
  std::unique_ptr<ParameterStore> store;

  NormedNetwork(std::unique_ptr<Executor> at, DType dtype, const ConvFirstNetSpec& spec)
      : executor(std::move(at)),
        type(dtype),
        net(spec),
        store(net.make_store(*executor, dtype == DType::Float64 ? dtype : DType::Float32)) {
    store->initialise(11);
    Philox random(4, Purpose::Test);
    for (const Statistic* s : store->statistics()) move(s->value, random);
    for (const Parameter* p : store->parameters()) {
      if (p->shape.rank() == 1) move(p->value, random);
    }
    store->prepare_compute(type);
  }

  void move(const Tensor& values, Philox& random) const {
    const Tensor host = copy_of(executor->to_host(values), host_pool());
    dispatch_floating(host.dtype(), [&]<class T>() {
      for (T& v : host.flat<T>()) v = T(static_cast<float>(v) + 0.3F * random.uniform());
    });
    executor->write(host.bytes(), values);
  }

  Tensor images(std::int64_t count, std::int64_t height, std::int64_t width) const {
    const Shape shape(N{count}, H{height}, W{width}, C{net.spec().channels});
    const Tensor host = Tensor::empty(host_pool(), DType::Float32, shape);
    Philox random(3, Purpose::Test);
    for (float& v : host.flat<float>()) v = random.normal();
    const Tensor out = executor->empty(type, shape);
    executor->write(converted(host, type, host_pool()).bytes(), out);
    return out;
  }

  std::vector<float> layer_wise(const Tensor& x) {
    Pass pass(*executor, {});
    return executor->floats(net(Variable(x), pass).tensor(pass));
  }
};

double relative_error(const std::vector<float>& actual, const std::vector<float>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(static_cast<double>(actual[i] - expected[i]), 2);
    norm += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(error / norm);
}

TEST(InferencePlan, EqualsTheLayersOnTheCpu) {
  for (const std::string activation : {"relu", "silu", "hard_swish"}) {
    NormedNetwork network(Executor::cpu(2), DType::Float32, planned_net(activation));
    for (const auto& [count, height, width] : {std::tuple(5, 33, 21), std::tuple(1, 16, 16)}) {
      const Tensor x = network.images(count, height, width);
      InferencePlan plan(*network.executor, network.net, {count, height, width}, network.type);
      EXPECT_LE(relative_error(network.executor->floats(plan(x)), network.layer_wise(x)), 2e-6) << activation;
      EXPECT_EQ(plan.fused_blocks(), activation == "relu" ? 6U : 3U);
      EXPECT_LT(plan.memory_bytes() - x.size_bytes(), plan.activation_bytes() / 2);  // the input stays
    }
  }
}

TEST(InferencePlan, EqualsTheLayersInDouble) {
  NormedNetwork network(Executor::reference(), DType::Float64, planned_net());
  const Tensor x = network.images(2, 16, 18);
  InferencePlan plan(*network.executor, network.net, {2, 16, 18}, network.type);
  Pass pass(*network.executor, {});
  const Tensor expected = network.net(Variable(x), pass).tensor(pass), actual = plan(x);
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual.flat<double>()(I{i}), expected.flat<double>()(I{i}), 1e-12);
  }
}

TEST(InferencePlan, TakesSmallerBatches) {
  NormedNetwork network(Executor::cpu(2), DType::Float32, planned_net());
  const Tensor x = network.images(5, 16, 16);
  const auto together = network.layer_wise(x);
  InferencePlan plan(*network.executor, network.net, {5, 16, 16}, network.type);
  for (const std::int64_t samples : {5, 2, 1}) {
    const auto part = x.reshaped(Shape(I{x.size()})).slice(0, x.shape().with(N{samples}));
    const std::vector<float> expected(together.begin(), together.begin() + 6 * samples);
    EXPECT_LE(relative_error(network.executor->floats(plan(part)), expected), 2e-6) << samples;
  }
  expect_error(ErrorKind::Internal, {"at most 5 samples"}, [&] { plan(network.images(6, 16, 16)); });
}

TEST(InferencePlan, ItsKernelsRunAgainOnTheSameInput) {
  NormedNetwork network(Executor::cpu(2), DType::Float32, planned_net());
  const Tensor x = network.images(5, 16, 16);
  InferencePlan plan(*network.executor, network.net, {5, 16, 16}, network.type);
  const Tensor logits = plan(x);
  const auto first = network.executor->floats(logits);
  network.executor->zero(logits);
  plan.run_kernels();
  EXPECT_EQ(network.executor->floats(logits), first);
}

// What eval reports as not finite must not vanish on the way.
void expect_nan_at_the_end(NormedNetwork& network) {
  const Tensor x = network.images(3, 16, 16);
  const Tensor host = copy_of(network.executor->to_host(x), host_pool());
  dispatch_floating(host.dtype(), [&]<class T>() {
    host.flat<T>()(I{host.size() / 2}) = T(std::numeric_limits<float>::quiet_NaN());
  });
  network.executor->write(host.bytes(), x);
  InferencePlan plan(*network.executor, network.net, {3, 16, 16}, network.type);
  const auto logits = network.executor->floats(plan(x));
  EXPECT_TRUE(std::ranges::any_of(logits, [](float v) { return std::isnan(v); }));
}

TEST(InferencePlan, NaNReachesTheLogits) {
  NormedNetwork network(Executor::cpu(1), DType::Float32, planned_net());
  expect_nan_at_the_end(network);
}

TEST(InferencePlan, RequireNamesTheFirstBlockWithoutAFusedRoute) {
  auto spec = planned_net("silu");
  spec.fusion = "require";
  NormedNetwork network(Executor::cpu(1), DType::Float32, spec);
  expect_error(
      ErrorKind::Usage,
      {"model.fusion = \"require\": stages.0.blocks.0 (convfirst C=8 E=32 16x16) has no fused route: ",
       "relu"},
      [&] {
        Inference(*network.executor, network.net, {1, 32, 32}, route_device(*network.executor, network.type));
      });
  spec.activation = "relu";
  NormedNetwork fused(Executor::cpu(1), DType::Float32, spec);
  EXPECT_EQ(Inference(*fused.executor, fused.net, {1, 32, 32}, route_device(*fused.executor, fused.type))
                .plan()
                ->fused_blocks(),
            6U);
}

TEST(InferencePlan, OffRunsTheLayers) {
  auto spec = planned_net();
  spec.fusion = "off";
  NormedNetwork network(Executor::cpu(1), DType::Float32, spec);
  const Tensor x = network.images(2, 16, 16);
  Inference inference(*network.executor, network.net, {2, 16, 16},
                      route_device(*network.executor, network.type));
  EXPECT_EQ(inference.plan(), nullptr);
  EXPECT_EQ(network.executor->floats(inference(x)), network.layer_wise(x));
}

BlockShape convfirst(std::int64_t channels, std::int64_t side) {
  return {.kind = "convfirst", .n = 128, .h = side, .w = side, .channels = channels, .hidden = 6 * channels};
}

RouteDevice hopper(DType type = DType::Float16) {
  return {PlaceKind::Cuda, type, {.shared_memory = 227 * 1024, .multiprocessors = 132, .wgmma = true}};
}

TEST(Route, FollowsTheDeviceAndTheShape) {
  const RouteDevice ada{
      PlaceKind::Cuda, DType::BFloat16, {.shared_memory = 99 * 1024, .multiprocessors = 128}};
  EXPECT_EQ(choose(convfirst(64, 56), hopper()).kind, Route::Kind::FusedHopper);
  EXPECT_EQ(choose(convfirst(128, 28), hopper()).kind, Route::Kind::FusedHopper);
  EXPECT_EQ(choose(convfirst(64, 100), hopper()).kind, Route::Kind::FusedPortable);
  EXPECT_EQ(choose(convfirst(48, 56), hopper()).kind, Route::Kind::FusedPortable);
  EXPECT_EQ(choose(convfirst(64, 56), ada).kind, Route::Kind::FusedPortable);
  EXPECT_LE(choose(convfirst(64, 56), ada).convfirst.shared_bytes, 99 * 1024);
  EXPECT_EQ(choose(convfirst(200, 14), {}).kind, Route::Kind::FusedCpu);
}

TEST(Route, SaysWhyABlockIsNotFused) {
  const auto why = [](const BlockShape& block, const RouteDevice& device) {
    const Route route = choose(block, device);
    EXPECT_FALSE(route.is_fused());
    return route.why_not_fused;
  };
  EXPECT_EQ(why(convfirst(200, 14), hopper()), "C=200, the GPU takes at most 192");
  EXPECT_EQ(why(convfirst(64, 56), hopper(DType::Float32)),
            "the GPU's fused kernels compute in float16 and bfloat16, not in float32");
  BlockShape silu = convfirst(64, 56);
  silu.activation = kernels::Activation::Silu;
  EXPECT_EQ(why(silu, {}), "the fused ConvFirst kernels have relu only, the activation is silu");
}

TEST(Route, LayersThatWereMeasuredFasterWinUnlessFusionIsRequired) {
  RouteDevice device = hopper();
  device.faster_by_layers = {convfirst(128, 28).text()};
  EXPECT_EQ(choose(convfirst(128, 28), device).why_not_fused, "its layers were measured to be faster here");
  EXPECT_EQ(choose(convfirst(128, 28), device, true).kind, Route::Kind::FusedHopper);
  EXPECT_EQ(choose(convfirst(64, 56), device).kind, Route::Kind::FusedHopper);
}

TEST(Route, FusesMBConvWhereThatIsFasterOrRequired) {
  const auto mbconv = [](std::int64_t samples, std::int64_t channels, std::int64_t side) {
    return BlockShape{
        .kind = "mbconv", .n = samples, .h = side, .w = side, .channels = channels, .hidden = 4 * channels};
  };
  for (const BlockShape& block :
       {mbconv(128, 256, 14), mbconv(1, 256, 14), mbconv(128, 512, 7), mbconv(128, 64, 14)}) {
    EXPECT_EQ(choose(block, hopper()).kind, Route::Kind::FusedHopper) << block.text();
  }
  EXPECT_EQ(choose(mbconv(128, 64, 28), hopper()).why_not_fused,
            "its layers are faster than the fused kernel without wgmma");
  EXPECT_EQ(choose(mbconv(128, 64, 28), hopper(), true).kind, Route::Kind::FusedPortable);
  EXPECT_FALSE(choose(mbconv(128, 256, 14), hopper(DType::Float32), true).is_fused());
  EXPECT_EQ(choose(mbconv(1, 512, 7), {}).kind, Route::Kind::FusedCpu);
}

class InferencePlanOnGpu : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (count_gpus().count == 0) GTEST_SKIP() << count_gpus().why_none;
  }
};

// Both paths round to the type at other places: the yardstick is the layer-wise path's own error against
// float32.
TEST_P(InferencePlanOnGpu, ErrsNoMoreThanTheLayers) {
  NormedNetwork exact(Executor::cuda(0, DType::Float32), DType::Float32, planned_net());
  NormedNetwork network(Executor::cuda(0, GetParam()), GetParam(), planned_net());
  const auto truth = exact.layer_wise(exact.images(37, 33, 21));
  const Tensor x = network.images(37, 33, 21);
  InferencePlan plan(*network.executor, network.net, {37, 33, 21}, network.type);
  const double error = relative_error(network.executor->floats(plan(x)), truth);
  EXPECT_LE(error, 2 * relative_error(network.layer_wise(x), truth) + 1e-6);
}

class FusedPlanOnGpu : public InferencePlanOnGpu {};

TEST_P(FusedPlanOnGpu, ErrsNoMoreThanTheLayers) {
  auto spec = planned_net();
  spec.fusion = "require";
  NormedNetwork exact(Executor::cuda(0, DType::Float32), DType::Float32, planned_net());
  NormedNetwork network(Executor::cuda(0, GetParam()), GetParam(), spec);
  const auto truth = exact.layer_wise(exact.images(21, 112, 112));
  const Tensor x = network.images(21, 112, 112);
  InferencePlan plan(*network.executor, network.net, {21, 112, 112}, network.type);
  EXPECT_EQ(plan.fused_blocks(), 6U);
  const double error = relative_error(network.executor->floats(plan(x)), truth);
  EXPECT_LE(error, 2 * relative_error(network.layer_wise(x), truth) + 1e-6);
}

TEST_P(InferencePlanOnGpu, AReplayGivesTheSameBitsWhateverRanBetween) {
  NormedNetwork network(Executor::cuda(0, GetParam()), GetParam(), planned_net());
  const Tensor x = network.images(9, 32, 32);
  InferencePlan plan(*network.executor, network.net, {9, 32, 32}, network.type);
  const auto first = network.executor->floats(plan(x));
  network.layer_wise(network.images(20, 40, 40));
  const auto part = x.reshaped(Shape(I{x.size()})).slice(0, x.shape().with(N{4}));
  const auto ragged = network.executor->floats(plan(part));
  EXPECT_EQ(ragged, std::vector<float>(first.begin(), first.begin() + 4 * 6));
  EXPECT_EQ(network.executor->floats(plan(x)), first);
}

TEST_P(InferencePlanOnGpu, NaNReachesTheLogits) {
  NormedNetwork network(Executor::cuda(0, GetParam()), GetParam(), planned_net());
  expect_nan_at_the_end(network);
}

std::string type_name(const testing::TestParamInfo<DType>& type) { return std::string(name_of(type.param)); }

INSTANTIATE_TEST_SUITE_P(Types, InferencePlanOnGpu,
                         testing::Values(DType::Float32, DType::Float16, DType::BFloat16), type_name);
INSTANTIATE_TEST_SUITE_P(Types, FusedPlanOnGpu, testing::Values(DType::Float16, DType::BFloat16), type_name);

}  // namespace
}  // namespace cf::layers
