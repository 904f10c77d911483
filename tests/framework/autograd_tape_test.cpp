// The tape: order of sums, release of memory, depth.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

#include "framework/autograd/pass.h"
#include "framework/ops/activation.h"
#include "framework/ops/gather_samples.h"
#include "framework/ops/grouped_conv.h"
#include "framework/ops/linear.h"
#include "framework/parameters/parameter_store.h"
#include "tests/data/expect_error.h"

namespace cf {
namespace {

Tensor filled(const Shape& shape, float value) {
  Tensor out = Tensor::empty(host_pool(), DType::Float32, shape);
  for (float& v : out.flat<float>()) v = value;
  return out;
}

float first_of(const Tensor& tensor) { return *tensor.flat<const float>().data(); }

// An op whose backward is a function given.
class FunctionNode final : public Node {
 public:
  using Function = std::function<void(const Tensor& dy, std::span<Tensor> dx)>;
  explicit FunctionNode(Function function) : function_(std::move(function)) {}
  const char* op() const override { return "function"; }
  void backward(Pass&, Tensor dy, std::span<const bool>, std::span<Tensor> dx) override { function_(dy, dx); }

 private:
  Function function_;
};

int add(Pass& pass, std::initializer_list<int> inputs, FunctionNode::Function function) {
  return pass.tape().add(std::make_unique<FunctionNode>(std::move(function)),
                         {inputs.begin(), inputs.size()});
}

constexpr auto kNothing = [](const Tensor&, std::span<Tensor>) {};

class TapeTest : public testing::Test {
 protected:
  std::unique_ptr<Executor> executor_ = Executor::cpu(1);
  Pass pass_{*executor_, {.training = true}};
};

TEST_F(TapeTest, SumsTheGradientsOfAValueFromTheLatestUseToTheFirst) {
  float seen = 0;
  const int x = add(pass_, {}, [&](const Tensor& dy, std::span<Tensor>) { seen = first_of(dy); });
  const auto use = [&](float gradient) {
    return add(pass_, {x},
               [gradient](const Tensor& dy, std::span<Tensor> dx) { dx[0] = filled(dy.shape(), gradient); });
  };
  // (1e8 - 1e8) + 1 = 1; in every other order the 1 is lost.
  const int first = use(1), second = use(-1e8F), third = use(1e8F);
  const int sum = add(pass_, {first, second, third}, [](const Tensor& dy, std::span<Tensor> dx) {
    for (auto& d : dx) d = dy;
  });
  pass_.backward(Variable(Tensor(), sum), filled(Shape(I{1}), 1));
  EXPECT_EQ(seen, 1);
}

TEST_F(TapeTest, TheObserverIsCalledBehindEachOp) {
  std::string order;
  const auto op = [&](char name, std::initializer_list<int> inputs) {
    return add(pass_, inputs, [&order, name](const Tensor& dy, std::span<Tensor> dx) {
      order += name;
      for (auto& d : dx) d = dy;
    });
  };
  const int a = op('a', {}), b = op('b', {a}), c = op('c', {b});
  pass_.set_backward_observer([&] { order += '.'; });
  pass_.backward(Variable(Tensor(), c), filled(Shape(I{1}), 1));
  EXPECT_EQ(order, "c.b.a.");
}

// A residual hands the same tensor to both of its inputs.
TEST_F(TapeTest, AGradientThatTwoHoldIsNotChangedUnderOneOfThem) {
  float at_a = 0, at_b = 0;
  const int a = add(pass_, {}, [&](const Tensor& dy, std::span<Tensor>) { at_a = first_of(dy); });
  const int b = add(pass_, {}, [&](const Tensor& dy, std::span<Tensor>) { at_b = first_of(dy); });
  const auto identity = [](const Tensor& dy, std::span<Tensor> dx) {
    for (auto& d : dx) d = dy;
  };
  const int more =
      add(pass_, {a}, [](const Tensor& dy, std::span<Tensor> dx) { dx[0] = filled(dy.shape(), 5); });
  const int both = add(pass_, {a, b}, identity);
  const int top = add(pass_, {both, more}, identity);
  const Tensor dy = filled(Shape(I{3}), 2);
  pass_.backward(Variable(Tensor(), top), dy);
  EXPECT_EQ(at_a, 7);
  EXPECT_EQ(at_b, 2);
  EXPECT_EQ(first_of(dy), 2);
}

// An op that adds to the gradient so far, as scattering kept samples does.
class AddingNode final : public Node {
 public:
  const char* op() const override { return "adding"; }
  bool adds() const override { return true; }
  void backward(Pass&, Tensor dy, std::span<const bool>, std::span<Tensor> dx) override {
    found = dx[0] ? first_of(dx[0]) : -1;
    in_place = dx[0] && dx[0].is_unique();
    dx[0] = filled(dy.shape(), dx[0] ? found + 10 : 10);
  }
  static inline float found = 0;
  static inline bool in_place = false;
};

TEST_F(TapeTest, AnOpThatAddsGetsTheGradientSoFarAndSeesWhetherAnotherHoldsIt) {
  for (const bool shared : {false, true}) {
    float seen = 0;
    const int x = add(pass_, {}, [&](const Tensor& dy, std::span<Tensor>) { seen = first_of(dy); });
    const int adding = pass_.tape().add(std::make_unique<AddingNode>(), std::array{x});
    const Tensor held = filled(Shape(I{2}), 5);
    const int plain = add(pass_, {x}, [&](const Tensor& dy, std::span<Tensor> dx) {
      dx[0] = shared ? held : filled(dy.shape(), 5);
    });
    const int top = add(pass_, {adding, plain}, [](const Tensor& dy, std::span<Tensor> dx) {
      for (auto& d : dx) d = dy;
    });
    pass_.backward(Variable(Tensor(), top), filled(Shape(I{2}), 1));
    EXPECT_EQ(AddingNode::found, 5);
    EXPECT_EQ(AddingNode::in_place, !shared);
    EXPECT_EQ(seen, 15);
    EXPECT_EQ(first_of(held), 5);
  }
}

// Ops that add as they store, each with a gradient so far that the test holds too and with one of its own.
class AddingOpTest : public TapeTest {
 protected:
  // The gradient of x [3,4,4,8] through `op`, whose result has the shape of x, on top of `so_far`.
  Tensor gradient(const std::function<Variable(Pass&, const Variable&)>& op, const Tensor* held) {
    Pass pass(*executor_, {.training = true});
    Tensor seen;
    const int node = add(pass, {}, [&](const Tensor& dy, std::span<Tensor>) { seen = dy; });
    const Variable y = op(pass, Variable(values(1), node));
    const int plain =
        add(pass, {node}, [&](const Tensor&, std::span<Tensor> dx) { dx[0] = held ? *held : values(2); });
    const int top = add(pass, {y.node(), plain}, [](const Tensor& dy, std::span<Tensor> dx) {
      for (auto& d : dx) d = dy;
    });
    pass.backward(Variable(Tensor(), top), values(3));
    return seen;
  }

  static Tensor values(int seed) {
    Tensor out = filled(Shape(N{3}, H{4}, W{4}, C{8}), 0);
    unsigned state = static_cast<unsigned>(seed);
    for (float& v : out.flat<float>()) {
      state = state * 1664525U + 1013904223U;
      v = static_cast<float>(state >> 8) / 16777216.0F - 0.5F;
    }
    return out;
  }

  void check(const std::function<Variable(Pass&, const Variable&)>& op) {
    const Tensor zero = filled(Shape(N{3}, H{4}, W{4}, C{8}), 0), held = values(2);
    const Tensor alone = gradient(op, &zero), onto_held = gradient(op, &held),
                 onto_own = gradient(op, nullptr);
    const auto before = values(2).flat<const float>(), kept = held.flat<const float>(),
               term = alone.flat<const float>(), sum = onto_held.flat<const float>(),
               in_place = onto_own.flat<const float>();
    for (I i : range(I{held.size()})) {
      EXPECT_EQ(kept(i), before(i));
      EXPECT_EQ(sum(i), in_place(i));
      EXPECT_NEAR(sum(i), before(i) + term(i), 1e-6);
    }
  }
};

TEST_F(AddingOpTest, LinearLayer) {
  Parameter weight(Shape(K{8}, C{8}), Interchange::Same, {Initial::Kind::Normal, 0.3F}, true);
  weight.name = "weight";
  ParameterStore store(*executor_, {&weight}, {});
  store.initialise(0);
  store.begin_step();
  check([&](Pass& pass, const Variable& x) { return linear(pass, x, weight); });
}

TEST_F(AddingOpTest, GroupedConvolution) {
  Parameter weight(Shape(K{8}, R{3}, S{3}, C{8}), Interchange::Same, {Initial::Kind::Normal, 0.3F}, true);
  weight.name = "weight";
  ParameterStore store(*executor_, {&weight}, {});
  store.initialise(0);
  store.begin_step();
  check([&](Pass& pass, const Variable& x) { return grouped_conv(pass, x, weight); });
}

TEST_F(AddingOpTest, GatheredSamples) {
  Tensor kept = Tensor::empty(host_pool(), DType::Int64, Shape(N{2}));
  kept.flat<std::int64_t>()(I{0}) = 0;
  kept.flat<std::int64_t>()(I{1}) = 2;
  check([&](Pass& pass, const Variable& x) {
    const Variable y = gather_samples(pass, x, kept);
    // Back to all samples, by an op whose gradient is that of the kept ones.
    return Variable(Tensor(), add(pass, {y.node()}, [](const Tensor&, std::span<Tensor> dx) {
                      dx[0] = filled(Shape(N{2}, H{4}, W{4}, C{8}), 0.25F);
                    }));
  });
}

TEST_F(TapeTest, SkipsWhatDidNotReachTheOutput) {
  bool ran = false;
  const int x = add(pass_, {}, kNothing);
  add(pass_, {x}, [&](const Tensor&, std::span<Tensor>) { ran = true; });
  const int y = add(pass_, {x}, [](const Tensor& dy, std::span<Tensor> dx) { dx[0] = dy; });
  pass_.backward(Variable(Tensor(), y), filled(Shape(I{1}), 1));
  EXPECT_FALSE(ran);
  EXPECT_EQ(pass_.tape().size(), 0U);
}

TEST_F(TapeTest, NamesAnOpThatGivesNoGradientOrOneOfAnotherShape) {
  const int x = add(pass_, {}, kNothing);
  const int silent = add(pass_, {x}, kNothing);
  expect_error(ErrorKind::Internal, {"function", "input 0"},
               [&] { pass_.backward(Variable(Tensor(), silent), filled(Shape(I{1}), 1)); });

  Pass pass(*executor_, {.training = true});
  const int value = add(pass, {}, kNothing);
  const auto give = [](std::int64_t size) {
    return [size](const Tensor&, std::span<Tensor> dx) { dx[0] = filled(Shape(I{size}), 1); };
  };
  const int one = add(pass, {value}, give(3)), two = add(pass, {value}, give(4));
  const int sum = add(pass, {one, two}, [](const Tensor& dy, std::span<Tensor> dx) { dx[0] = dx[1] = dy; });
  expect_error(ErrorKind::Internal, {"[I=3]", "[I=4]"},
               [&] { pass.backward(Variable(Tensor(), sum), filled(Shape(I{1}), 1)); });
}

TEST_F(TapeTest, ANetworkOf5000LayersRunsAndIsDestroyedWithoutRecursion) {
  Parameter weight(Shape(K{1}, C{1}), Interchange::Same, {Initial::Kind::Constant, 1.0F}, true);
  weight.name = "weight";
  ParameterStore store(*executor_, {&weight}, {});
  store.initialise(0);
  store.begin_step();
  constexpr int kLayers = 5000;
  const auto run = [&](Pass& pass) {
    Variable x(filled(Shape(N{1}, C{1}), 3));
    for (int i = 0; i < kLayers; ++i) x = linear(pass, x, weight);
    return x;
  };
  const Variable y = run(pass_);
  EXPECT_EQ(first_of(y.tensor(pass_)), 3);
  pass_.backward(y, filled(Shape(N{1}, C{1}), 1));
  EXPECT_EQ(first_of(weight.gradient), 3.0F * kLayers);  // one use each
  {
    Pass never_run(*executor_, {.training = true});
    run(never_run);
  }
}

// A chain of activations: forward keeps the input of each, backward gives them back one by one.
TEST_F(TapeTest, BackwardReleasesWhatForwardKept) {
  constexpr int kLayers = 40;
  const Shape shape(I{1 << 16});
  const std::int64_t bytes = shape.size() * 4;
  const std::int64_t before = host_pool().use().in_use_bytes;
  std::vector<std::int64_t> in_use;
  {
    Pass pass(*executor_, {.training = true});
    Variable x(filled(shape, 0.5F));
    for (int i = 0; i < kLayers; ++i) {
      x = activation(pass, x, kernels::Activation::Silu);
      const Tensor value = x.tensor(pass);
      const int input = x.node();
      x = Variable(value, add(pass, {input}, [&](const Tensor& dy, std::span<Tensor> dx) {
                     in_use.push_back(host_pool().use().in_use_bytes - before);
                     dx[0] = dy;
                   }));
    }
    EXPECT_GE(host_pool().use().in_use_bytes - before, kLayers * bytes);
    host_pool().reset_peak();
    const std::int64_t after_forward = host_pool().use().in_use_bytes;
    const int output = x.node();
    x = Variable();
    pass.backward(Variable(Tensor(), output), filled(shape, 1));
    EXPECT_LE(host_pool().use().peak_bytes, after_forward + 3 * bytes);
  }
  ASSERT_EQ(in_use.size(), static_cast<std::size_t>(kLayers));
  for (int i = 0; i < kLayers; ++i) {
    EXPECT_LE(in_use[static_cast<std::size_t>(i)], (kLayers - i + 3) * bytes) << i;
  }
  EXPECT_EQ(host_pool().use().in_use_bytes, before);
}

}  // namespace
}  // namespace cf
