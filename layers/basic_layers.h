// The layers that blocks are made of: parameters with a call operator. Activations are [N,H,W,C].
//
// Filters start from a normal distribution with variance 2 / fan-in, cut at two deviations (He et al., 2015);
// norms as the identity; biases at zero.
#pragma once

#include "framework/ops/batch_norm.h"
#include "framework/ops/grouped_conv.h"
#include "framework/ops/linear.h"
#include "framework/ops/patch_conv.h"
#include "framework/ops/squeeze_excite.h"
#include "framework/parameters/parameter.h"

namespace cf::layers {

// 1x1 convolution without bias.
struct PointwiseConv {
  Parameter weight;  // [K,C]

  PointwiseConv(std::int64_t in, std::int64_t out);
  Variable operator()(const Variable& x, Pass& pass) { return linear(pass, x, weight); }

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
  }
};

// 3x3 convolution in groups of kernels::kGroupWidth channels, padding 1, without bias.
struct GroupedConv {
  Parameter weight;  // [K,R,S,C]

  explicit GroupedConv(std::int64_t channels);
  Variable operator()(const Variable& x, Pass& pass) { return grouped_conv(pass, x, weight); }

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
  }
};

// Convolution over non-overlapping patches, without bias.
struct PatchConv {
  Parameter weight;  // [K,R,S,C]

  PatchConv(std::int64_t in, std::int64_t out, std::int64_t patch);
  Variable operator()(const Variable& x, Pass& pass) { return patch_conv(pass, x, weight); }

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
  }
};

// Linear layer on [N,C], with a bias where asked for.
struct Linear {
  Parameter weight;  // [K,C]
  Parameter bias;    // [K]
  bool has_bias;

  Linear(std::int64_t in, std::int64_t out, bool with_bias, Initial initial);
  Variable operator()(const Variable& x, Pass& pass) {
    return linear(pass, x, weight, has_bias ? &bias : nullptr);
  }

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
    if (has_bias) v("bias", bias);
  }
};

struct BatchNorm {
  Parameter weight, bias;               // [C]
  Statistic running_mean, running_var;  // [C], for inference

  explicit BatchNorm(std::int64_t channels);
  BatchNormState state() { return {weight, bias, running_mean, running_var}; }
  Variable operator()(const Variable& x, Pass& pass,
                      kernels::Activation activation = kernels::Activation::None) {
    return batch_norm(pass, x, state(), activation);
  }

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
    v("bias", bias);
    v("running_mean", running_mean);
    v("running_var", running_var);
  }
};

// The two 1x1 convolutions of squeeze-and-excitation, with biases.
struct SqueezeExcite {
  struct Gate {
    Parameter weight, bias;  // [K,C], [K]
    Gate(std::int64_t in, std::int64_t out);

    template <class V>
    void visit(V&& v) {
      v("weight", weight);
      v("bias", bias);
    }
  };
  Gate reduce, expand;

  SqueezeExcite(std::int64_t channels, std::int64_t reduced)
      : reduce(channels, reduced), expand(reduced, channels) {}
  SqueezeExciteState state() { return {&reduce.weight, &reduce.bias, &expand.weight, &expand.bias}; }

  template <class V>
  void visit(V&& v) {
    v("reduce", reduce);
    v("expand", expand);
  }
};

}  // namespace cf::layers
