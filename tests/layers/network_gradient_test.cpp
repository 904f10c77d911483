// The gradient of the whole network in double, along random directions over all parameters and the input.
#include <gtest/gtest.h>

#include <cmath>
#include <span>

#include "framework/ops/classification_loss.h"
#include "kernels/base/philox.h"
#include "layers/convfirst_net.h"
#include "tests/layers/gradient_probe.h"

namespace cf::layers {
namespace {

struct Problem {
  const char* name;
  ConvFirstNetSpec spec;
  std::int64_t samples, height, width;
  kernels::LossKind loss = kernels::LossKind::CrossEntropy;
  float smoothing = 0;
  bool soft_targets = false;
};

ConvFirstNetSpec two_stage_net() {
  return {.classes = 5,
          .channels = 2,
          .patch = 2,
          .blocks = {"convfirst", "mbconv"},
          .widths = {8, 16},
          .depths = {2, 2},
          .expansion = {2, 3},
          .head = 12,
          .drop_path = 0};
}

ConvFirstNetSpec with(ConvFirstNetSpec spec, std::vector<std::string> blocks, const std::string& activation,
                      double drop_path = 0, double dropout = 0) {
  spec.blocks = std::move(blocks);
  spec.activation = activation;
  spec.drop_path = drop_path;
  spec.dropout = dropout;
  return spec;
}

ConvFirstNetSpec fused(ConvFirstNetSpec spec, double drop_path) {
  spec.fusion = "require";
  spec.drop_path = drop_path;
  return spec;
}

const Problem kProblems[] = {
    {"relu", two_stage_net(), 3, 9, 7},
    {"silu_mbconv_first", with(two_stage_net(), {"mbconv", "convfirst"}, "silu"), 3, 11, 6,
     kernels::LossKind::CrossEntropy, 0.1F},
    {"hard_swish_binary_cross_entropy", with(two_stage_net(), {"convfirst", "convfirst"}, "hard_swish"), 4, 8,
     9, kernels::LossKind::BinaryCrossEntropy, 0.05F},
    {"stochastic_depth_and_dropout", with(two_stage_net(), {"mbconv", "mbconv"}, "silu", 0.6, 0.4), 6, 7, 7},
    {"fused", fused(two_stage_net(), 0.4), 5, 11, 8},
    {"all_at_once", with(two_stage_net(), {"convfirst", "mbconv"}, "hard_swish", 0.5, 0.3), 5, 13, 10,
     kernels::LossKind::BinaryCrossEntropy, 0, true},
};

std::span<double> doubles(const Tensor& tensor) {
  const auto flat = tensor.flat<double>();
  return {flat.data(), static_cast<std::size_t>(flat.size())};
}

Tensor random_tensor(const Shape& shape, std::uint64_t stream, double deviation = 1, double mean = 0) {
  Tensor out = Tensor::empty(host_pool(), DType::Float64, shape);
  Philox random(7, Purpose::Test, stream);
  for (double& v : doubles(out)) v = mean + deviation * static_cast<double>(random.normal());
  return out;
}

Target target_of(const Problem& problem) {
  Target target{.labels = {}, .soft_targets = {}, .smoothing = problem.smoothing};
  Philox random(7, Purpose::Test, 99);
  if (problem.soft_targets) {
    const Shape shape(N{problem.samples}, K{problem.spec.classes});
    target.soft_targets = Tensor::empty(host_pool(), DType::Float64, shape);
    for (double& v : doubles(target.soft_targets)) v = static_cast<double>(random.uniform());
    return target;
  }
  target.labels = Tensor::empty(host_pool(), DType::Int64, Shape(N{problem.samples}));
  for (std::int64_t& label : target.labels.flat<std::int64_t>()) {
    label = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(problem.spec.classes)));
  }
  return target;
}

class NetworkGradient : public testing::TestWithParam<Problem> {
 protected:
  NetworkGradient() : executor_(Executor::reference()), net_(GetParam().spec) {
    const Problem& problem = GetParam();
    store_ = net_.make_store(*executor_, DType::Float64);
    std::uint64_t stream = 1000;
    for (const Parameter* p : store_->parameters()) {
      const double deviation = p->initial.kind == Initial::Kind::Constant ? 0.3 : p->initial.value;
      const double mean = p->initial.kind == Initial::Kind::Constant ? p->initial.value : 0;
      executor_->copy(random_tensor(p->shape, stream++, std::max(deviation, 0.2), mean), p->value);
    }
    x_ = random_tensor(Shape(N{problem.samples}, H{problem.height}, W{problem.width}, C{2}), 1);
    target_ = target_of(problem);
  }

  // The loss; the gradients too, where `dx` is given.
  double loss(Tensor* dx = nullptr) {
    Pass pass(*executor_, {.training = true, .seed = 5, .step = 17});
    Tensor unused;
    const Variable input = test::probed(pass, x_, dx ? *dx : unused);
    const Variable loss = classification_loss(pass, net_(input, pass), GetParam().loss, target_);
    const double value = *loss.tensor(pass).flat<const double>().data();
    if (dx) {
      Tensor one = Tensor::empty(host_pool(), DType::Float64, Shape(I{1}));
      *one.flat<double>().data() = 1;
      pass.backward(loss, one);
    }
    return value;
  }

  void move(const std::vector<std::pair<Tensor, Tensor>>& along, double by) {
    for (const auto& [tensor, direction] : along) {
      const auto values = doubles(tensor);
      const auto step = doubles(direction);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += by * step[i];
    }
  }

  std::unique_ptr<Executor> executor_;
  ConvFirstNet net_;
  std::unique_ptr<ParameterStore> store_;
  Tensor x_;
  Target target_;
};

TEST_P(NetworkGradient, EqualsTheSlopeAlongRandomDirections) {
  store_->begin_step();
  Tensor dx;
  const double at_point = loss(&dx);
  EXPECT_EQ(loss(), at_point);  // the draws are a function of (seed, draw)

  for (std::uint64_t draw = 0; draw < 4; ++draw) {
    std::vector<std::pair<Tensor, Tensor>> along = {{x_, random_tensor(x_.shape(), 50 + draw)}};
    double expected = 0, norm = 0;
    const auto add = [&](const Tensor& gradient, const Tensor& direction) {
      for (std::size_t i = 0; i < doubles(gradient).size(); ++i) {
        expected += doubles(gradient)[i] * doubles(direction)[i];
        norm += doubles(gradient)[i] * doubles(gradient)[i];
      }
    };
    add(dx, along.front().second);
    for (const Parameter* p : store_->parameters()) {
      ASSERT_GT(p->gradient_writes, 0) << p->name;
      along.emplace_back(p->value, random_tensor(p->shape, 100 * (draw + 1) + along.size()));
      add(p->gradient, along.back().second);
    }
    constexpr double kStep = 1e-6;
    move(along, kStep);
    const double above = loss();
    move(along, -2 * kStep);
    const double below = loss();
    move(along, kStep);
    EXPECT_NEAR((above - below) / (2 * kStep), expected, 1e-6 * std::sqrt(norm));
  }
}

// A direction over everything could hide a small tensor behind the large ones.
TEST_P(NetworkGradient, EqualsTheSlopeOfEachTensorAlone) {
  store_->begin_step();
  Tensor dx;
  loss(&dx);
  double norm = 0;
  for (const Parameter* p : store_->parameters()) {
    for (const double g : doubles(p->gradient)) norm += g * g;
  }
  std::uint64_t stream = 5000;
  for (const Parameter* p : store_->parameters()) {
    const std::vector<std::pair<Tensor, Tensor>> along = {{p->value, random_tensor(p->shape, stream++)}};
    double expected = 0;
    for (std::size_t i = 0; i < doubles(p->gradient).size(); ++i) {
      expected += doubles(p->gradient)[i] * doubles(along.front().second)[i];
    }
    constexpr double kStep = 1e-6;
    move(along, kStep);
    const double above = loss();
    move(along, -2 * kStep);
    const double below = loss();
    move(along, kStep);
    EXPECT_NEAR((above - below) / (2 * kStep), expected, 1e-7 * std::sqrt(norm)) << p->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, NetworkGradient, testing::ValuesIn(kProblems),
                         [](const auto& problem) { return std::string(problem.param.name); });

}  // namespace
}  // namespace cf::layers
