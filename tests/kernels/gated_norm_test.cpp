// The gradients of gated_norm, through the statistics of the batch too, against differences of its forward
// passes; and that it is its layers.
#include "kernels/gated_norm/gated_norm.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/batch_norm/batch_norm.h"
#include "tests/data/expect_error.h"
#include "tests/kernels/directional_derivative.h"
#include "tests/kernels/random_vector.h"
#include "tests/kernels/values.h"

namespace cf::kernels {
namespace {

constexpr N kGatedSamples{5};
constexpr H kHeight{3};
constexpr W kWidth{2};
constexpr C kGatedChannels{9};
constexpr D kSqueezed{4};
constexpr std::size_t kGatedSize = 5 * 3 * 2 * 9, kGates = 5 * 9;

View<const double, N, H, W, C> image(const Values& values) {
  return {values.data(), kGatedSamples, kHeight, kWidth, kGatedChannels};
}
View<double, N, H, W, C> image(Values& values) {
  return {values.data(), kGatedSamples, kHeight, kWidth, kGatedChannels};
}
View<double, C> channels(Values& values) { return {values.data(), kGatedChannels}; }
View<double, N, C> gates(Values& values) { return {values.data(), kGatedSamples, kGatedChannels}; }
View<double, N, D> squeezed(Values& values) { return {values.data(), kGatedSamples, kSqueezed}; }
View<double, D, C> reducing(Values& values) { return {values.data(), kSqueezed, kGatedChannels}; }
View<double, C, D> expanding(Values& values) { return {values.data(), kGatedChannels, kSqueezed}; }

// A norm in training mode with what stands behind it.
class Layer {
 public:
  explicit Layer(Activation activation) : activation_(activation) {}

  Values x = random_normal(kGatedSize, 1), gamma = random_normal(9, 2), bias = random_normal(9, 3),
         reduce_weight = random_normal(4 * 9, 4), reduce_bias = random_normal(4, 5, 0.5),
         expand_weight = random_normal(9 * 4, 6), expand_bias = random_normal(9, 7);

  const Values& forward() {
    batch_norm(Reference{}, BatchNormStatistics<double>{.x = as_rows<M, C>(image(std::as_const(x))),
                                                        .mean = channels(mean_),
                                                        .variance = channels(variance_),
                                                        .workspace = {}});
    batch_norm(Reference{}, BatchNormFold<double>{.mean = channels(mean_),
                                                  .variance = channels(variance_),
                                                  .gamma = channels(gamma),
                                                  .bias = channels(bias),
                                                  .rstd = channels(rstd_),
                                                  .scale = channels(scale_),
                                                  .shift = channels(shift_)});
    gated_norm(Reference{}, GatedNormGates<double>{.x = image(x),
                                                   .scale = channels(scale_),
                                                   .shift = channels(shift_),
                                                   .activation = activation_,
                                                   .reduce_weight = reducing(reduce_weight),
                                                   .reduce_bias = {reduce_bias.data(), kSqueezed},
                                                   .expand_weight = expanding(expand_weight),
                                                   .expand_bias = channels(expand_bias),
                                                   .pooled = gates(pooled_),
                                                   .squeezed = squeezed(squeezed_),
                                                   .gate = gates(gate_),
                                                   .workspace = {}});
    gated_norm(Reference{}, GatedNormApply<double>{.x = image(x),
                                                   .scale = channels(scale_),
                                                   .shift = channels(shift_),
                                                   .activation = activation_,
                                                   .gate = gates(gate_),
                                                   .y = image(y_)});
    return y_;
  }

  Values dx = Values(kGatedSize), dgamma = Values(9), dbias = Values(9), dreduce_weight = Values(36),
         dreduce_bias = Values(4), dexpand_weight = Values(36), dexpand_bias = Values(9);

  void backward(const Values& dy) {
    forward();
    gated_norm(Reference{}, GatedNormBackward<double>{.x = image(x),
                                                      .dy = image(dy),
                                                      .mean = channels(mean_),
                                                      .rstd = channels(rstd_),
                                                      .gamma = channels(gamma),
                                                      .bias = channels(bias),
                                                      .activation = activation_,
                                                      .reduce_weight = reducing(reduce_weight),
                                                      .expand_weight = expanding(expand_weight),
                                                      .pooled = gates(pooled_),
                                                      .squeezed = squeezed(squeezed_),
                                                      .gate = gates(gate_),
                                                      .dx = image(dx),
                                                      .dgamma = channels(dgamma),
                                                      .dbias = channels(dbias),
                                                      .dreduce_weight = reducing(dreduce_weight),
                                                      .dreduce_bias = {dreduce_bias.data(), kSqueezed},
                                                      .dexpand_weight = expanding(dexpand_weight),
                                                      .dexpand_bias = channels(dexpand_bias),
                                                      .accumulate = 0,
                                                      .workspace = {}});
  }

 private:
  Activation activation_;
  Values mean_ = Values(9), variance_ = Values(9), rstd_ = Values(9), scale_ = Values(9), shift_ = Values(9),
         pooled_ = Values(kGates), squeezed_ = Values(5 * 4), gate_ = Values(kGates), y_ = Values(kGatedSize);
};

class GatedNorm : public testing::TestWithParam<Activation> {};

TEST_P(GatedNorm, GradientsAreDifferences) {
  Layer layer(GetParam());
  const Values dy = random_normal(kGatedSize, 8);
  layer.backward(dy);
  const auto expect = [&](const char* name, Values& values, const Values& gradient) {
    expect_gradient(name, values, gradient, [&] { return dot(layer.forward(), dy); });
  };
  expect("x", layer.x, layer.dx);
  expect("gamma", layer.gamma, layer.dgamma);
  expect("bias", layer.bias, layer.dbias);
  expect("reduce_weight", layer.reduce_weight, layer.dreduce_weight);
  expect("reduce_bias", layer.reduce_bias, layer.dreduce_bias);
  expect("expand_weight", layer.expand_weight, layer.dexpand_weight);
  expect("expand_bias", layer.expand_bias, layer.dexpand_bias);
}

INSTANTIATE_TEST_SUITE_P(Activations, GatedNorm,
                         testing::Values(Activation::None, Activation::Relu, Activation::Silu),
                         [](const auto& test) { return std::string(name_of(test.param)); });

TEST(GatedNorm, NamesTheAxisThatDoesNotFit) {
  Values x(kGatedSize), vector(9), gate(kGates), y(kGatedSize);
  expect_error(ErrorKind::Internal, {"gated_norm apply: x has C=9, shift has C=8"}, [&] {
    gated_norm(Reference{}, GatedNormApply<double>{.x = image(x),
                                                   .scale = channels(vector),
                                                   .shift = {vector.data(), C{8}},
                                                   .activation = Activation::Relu,
                                                   .gate = gates(gate),
                                                   .y = image(y)});
  });
}

}  // namespace
}  // namespace cf::kernels
