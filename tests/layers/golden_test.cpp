// The network and its blocks against PyTorch: outputs in both modes, loss, every gradient, running
// statistics. In double the files' own rounding is all that is left; in float32 the errors stay within 1e-4;
// in bfloat16 PyTorch's own error under autocast, which the files hold, is the yardstick.
#include <tuple>

#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "kernels/batch_norm/batch_norm.h"
#include "layers/convfirst_net.h"
#include "layers/inference_plan.h"
#include "tests/layers/block_store.h"
#include "tests/layers/golden.h"
#include "tests/layers/gradient_probe.h"

namespace cf::layers {
namespace {

using test::Golden;

struct Place {
  const char* name;
  std::unique_ptr<Executor> (*make)();
  DType dtype;  // of activations; parameters are as wide as a place has them
  double tolerance;
  // Of gradients that are zero in theory (a bias in front of a batch norm has no effect): what float32
  // computes there is the rounding of M terms that cancel. Measured against the floor, PyTorch's own float32
  // errs by up to 5e-4 there on these files (and by less than 1e-6 everywhere else); the straight loops,
  // which sum one after the other, by 1.2e-3.
  double tolerance_of_zero;

  DType parameter_type() const { return dtype == DType::BFloat16 ? DType::Float32 : dtype; }
};

// In bfloat16 each tensor may err by so much more than PyTorch's autocast does on the same problem; or, as
// one problem's rounding is a matter of luck (a ReLU that flips, a tensor of few elements), by as much as
// PyTorch's does on one that hardly differs. Of gradients that are zero in theory both see only luck.
double bfloat16_tolerance(const Golden& golden, const std::string& key, bool zero_in_theory) {
  constexpr double kTimesPyTorch = 1.5;
  const double own = golden.values("bf16_error." + key).front();
  const double most = golden.values("bf16_most." + key).front();
  return zero_in_theory ? kTimesPyTorch * most : std::max(kTimesPyTorch * own, most);
}

const Place kPlaces[] = {
    {"reference_float64", [] { return Executor::reference(); }, DType::Float64, 1e-7, 1e-7},
    {"reference_float32", [] { return Executor::reference(); }, DType::Float32, 1e-4, 2e-3},
    {"reference_bfloat16", [] { return Executor::reference(); }, DType::BFloat16, 0, 0},
    {"cpu_1_thread", [] { return Executor::cpu(1); }, DType::Float32, 1e-4, 5e-4},
    {"cpu_3_threads", [] { return Executor::cpu(3); }, DType::Float32, 1e-4, 5e-4},
#ifdef CF_WITH_CUDA
    {"cuda_float32", [] { return Executor::cuda(0, DType::Float32); }, DType::Float32, 1e-4, 2e-3},
    {"cuda_bfloat16", [] { return Executor::cuda(0, DType::BFloat16); }, DType::BFloat16, 0, 0},
#endif
};

// One golden file at one place.
class Comparison {
 public:
  Comparison(const Golden& golden, Executor& executor, const Place& place)
      : golden_(golden), executor_(executor), place_(place) {}

  // The file's activation where the executor can use it.
  Tensor activation(const std::string& key) const { return placed(golden_.activation(key, place_.dtype)); }
  Tensor integers(const std::string& key) const { return placed(golden_.integers(key)); }
  Tensor placed(const Tensor& host) const {
    Tensor out = executor_.empty(host.dtype(), host.shape());
    executor_.write(host.bytes(), out);
    return out;
  }

  void expect_activation(const std::string& key, const Tensor& ours) const {
    expect(key, golden_.activation_error(key, executor_.to_host(ours)));
  }
  void expect_same_layout(const std::string& key, const Tensor& ours) const {
    expect(key, golden_.error(key, executor_.to_host(ours), Interchange::Same));
  }

  void expect_gradients(const ParameterStore& store) const {
    const double floor = golden_.gradient_floor();
    for (const Parameter* p : store.parameters()) {
      const std::string key = "grads." + p->name;
      const bool zero_in_theory = golden_.norm_of(key) < 1e-6 * floor;
      expect(key, golden_.error(key, executor_.to_host(p->gradient), p->interchange, floor), zero_in_theory);
    }
  }

  void expect_running_statistics(const ParameterStore& store) const {
    executor_.at(store.dtype(), [&]<class T>(auto place) {
      kernels::batch_norm(place, kernels::RunningUpdate<Wide<T>>{.batch = store.batch().flat<const Wide<T>>(),
                                                                 .running = store.running().flat<Wide<T>>()});
    });
    for (const Statistic* s : store.statistics()) expect_same_layout("after." + s->name, s->value);
  }

 private:
  void expect(const std::string& key, double error, bool zero_in_theory = false) const {
    const double tolerance = place_.dtype == DType::BFloat16
                                 ? bfloat16_tolerance(golden_, key, zero_in_theory)
                                 : (zero_in_theory ? place_.tolerance_of_zero : place_.tolerance);
    EXPECT_LE(error, tolerance) << key;
  }

  const Golden& golden_;
  Executor& executor_;
  const Place& place_;
};

template <class Layer>
void expect_block(const Golden& golden, Layer& layer, const Place& place) {
  const auto executor = place.make();
  const auto store = test::store_of(layer, *executor, place.parameter_type());
  golden.load(*store);
  store->prepare_compute(place.dtype);
  const Comparison comparison(golden, *executor, place);
  const Tensor x = comparison.activation("x");
  const auto relu = kernels::Activation::Relu;

  Pass evaluation(*executor, {});
  comparison.expect_activation("eval", layer(Variable(x), evaluation, relu, {}).tensor(evaluation));

  const Tensor kept = golden.has("kept") ? comparison.integers("kept") : Tensor();
  Pass pass(*executor, {.training = true});
  store->begin_step();
  Tensor dx;
  const Variable input = test::probed(pass, x, dx);
  const Variable y = layer(input, pass, relu, kept);
  comparison.expect_activation("y", y.tensor(pass));
  pass.backward(y, comparison.activation("dy"));
  EXPECT_EQ(pass.tape().size(), 0U);
  comparison.expect_activation("grads.x", dx);
  comparison.expect_gradients(*store);
  comparison.expect_running_statistics(*store);
}

class GoldenAt : public testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    const bool needs_gpu = std::string_view(GetParam().name).starts_with("cuda");
    if (needs_gpu && count_gpus().count == 0) GTEST_SKIP() << count_gpus().why_none;
  }
};

TEST_P(GoldenAt, ConvFirst) {
  ConvFirst block(16, 6, Fusion::Off);
  expect_block(Golden("convfirst_c16_5x7_e6.safetensors"), block, GetParam());
}

TEST_P(GoldenAt, ConvFirstOnKeptSamples) {
  ConvFirst block(24, 4, Fusion::Off);
  expect_block(Golden("convfirst_c24_6x5_e4_kept.safetensors"), block, GetParam());
}

// Fused where the place can: everywhere but in float32 on a GPU.
Fusion fused_at(const Place& place) {
  const bool can = std::string_view(place.name) != "cuda_float32";
  return can ? Fusion::Require : Fusion::Off;
}

TEST_P(GoldenAt, FusedConvFirst) {
  ConvFirst block(16, 6, fused_at(GetParam()));
  expect_block(Golden("convfirst_c16_5x7_e6.safetensors"), block, GetParam());
}

TEST_P(GoldenAt, FusedConvFirstOnKeptSamples) {
  ConvFirst block(24, 4, fused_at(GetParam()));
  expect_block(Golden("convfirst_c24_6x5_e4_kept.safetensors"), block, GetParam());
}

TEST_P(GoldenAt, MBConv) {
  MBConv block(16, 4, Fusion::Off);
  expect_block(Golden("mbconv_c16_5x7_e4.safetensors"), block, GetParam());
}

TEST_P(GoldenAt, MBConvOnKeptSamples) {
  MBConv block(24, 2, Fusion::Off);
  expect_block(Golden("mbconv_c24_4x3_e2_kept.safetensors"), block, GetParam());
}

TEST_P(GoldenAt, FusedMBConv) {
  MBConv block(16, 4, fused_at(GetParam()));
  expect_block(Golden("mbconv_c16_5x7_e4.safetensors"), block, GetParam());
}

TEST_P(GoldenAt, FusedMBConvOnKeptSamples) {
  MBConv block(24, 2, fused_at(GetParam()));
  expect_block(Golden("mbconv_c24_4x3_e2_kept.safetensors"), block, GetParam());
}

TEST_P(GoldenAt, Network) {
  const Place& place = GetParam();
  const Golden golden("net_36px.safetensors");
  const auto executor = place.make();
  ConvFirstNet net({.classes = 7,
                    .patch = 2,
                    .widths = {8, 16, 16, 24},
                    .depths = {1, 2, 1, 1},
                    .expansion = {4, 2, 4, 2},
                    .head = 32,
                    .drop_path = 0});
  const auto store = net.make_store(*executor, place.parameter_type());
  golden.load(*store);
  store->prepare_compute(place.dtype);
  const Comparison comparison(golden, *executor, place);
  const Variable x(comparison.activation("x"));

  Pass evaluation(*executor, {});
  comparison.expect_same_layout("eval", net(x, evaluation).tensor(evaluation));
  const auto& shape = x.shape();
  InferencePlan plan(*executor, net,
                     {shape.extent<N>().value, shape.extent<H>().value, shape.extent<W>().value},
                     place.dtype);
  comparison.expect_same_layout("eval", plan(x.tensor(evaluation)));

  Pass pass(*executor, {.training = true});
  store->begin_step();
  const Variable logits = net(x, pass);
  comparison.expect_same_layout("logits", logits.tensor(pass));
  const Target target{.labels = comparison.integers("labels"), .soft_targets = {}, .smoothing = 0.1F};
  const Variable loss = classification_loss(pass, logits, kernels::LossKind::CrossEntropy, target);
  comparison.expect_same_layout("loss", loss.tensor(pass));

  Tensor one = Tensor::empty(host_pool(), DType::Float32, Shape(I{1}));
  *one.flat<float>().data() = 1;
  pass.backward(loss, comparison.placed(converted(one, store->dtype(), host_pool())));
  comparison.expect_gradients(*store);
  comparison.expect_running_statistics(*store);
}

INSTANTIATE_TEST_SUITE_P(Places, GoldenAt, testing::ValuesIn(kPlaces),
                         [](const auto& place) { return std::string(place.param.name); });

}  // namespace
}  // namespace cf::layers
