// The kernels of an inference plan: norms folded into the weights before them, on memory that is given, and
// without a tape. The contracts are those of the kernels; x and y are [N,H,W,C] or, where pooled, [N,C].
#pragma once

#include "framework/ops/batch_norm.h"
#include "framework/ops/squeeze_excite.h"
#include "framework/parameters/parameter.h"
#include "framework/runtime/executor.h"
#include "kernels/activation/activation.h"
#include "kernels/convfirst_forward/convfirst_route.h"

namespace cf::inference {

// A layer and the norm behind it, if any, by the running statistics: norm(weight x) = weight x + bias.
struct FoldedWeights {
  Tensor weight;        // of the compute type, in the parameter's shape
  Tensor bias;          // [K], wide
  Tensor rounded_bias;  // [K], of the compute type
};

FoldedWeights fold_norm(Executor& executor, DType compute, const Parameter& weight,
                        const BatchNormState& norm);

// A layer without a norm, whose weights must be prepared for `compute`.
FoldedWeights weights_of(Executor& executor, DType compute, const Parameter& weight, const Parameter& bias);

// A 1x1 convolution or linear layer: x [..,C], weight [K,C], y [..,K]. `residual` [..,K], empty for none,
// goes with Activation::None only. Relu may make 0 of NaN.
void folded_linear(Executor& executor, const Tensor& x, const FoldedWeights& weights,
                   kernels::Activation activation, const Tensor& residual, const Tensor& y);
// In place.
void activation(Executor& executor, kernels::Activation activation, const Tensor& y);
// y [N,P = H / patch,Q = W / patch,K]
void folded_patch_conv(Executor& executor, const Tensor& x, const FoldedWeights& weights, const Tensor& y);
void folded_grouped_conv(Executor& executor, const Tensor& x, const FoldedWeights& weights,
                         kernels::Activation activation, const Tensor& y);

// A whole ConvFirst block.
struct ConvFirstWeights {
  FoldedWeights conv, expand, project;
};
void fused_convfirst(Executor& executor, const Tensor& x, const ConvFirstWeights& weights, const Tensor& y);

// What the routes of a fused block at place Cuda depend on, for 16-bit types.
kernels::ConvFirstLimits convfirst_limits(Executor& executor, DType type);

// A whole MBConv block.
struct MBConvWeights {
  FoldedWeights expand, conv, project;
  SqueezeExciteState squeeze_excite;
};
void fused_mbconv(Executor& executor, const Tensor& x, const MBConvWeights& weights,
                  kernels::Activation activation, const Tensor& y);

// Intermediate results, wide: pooled and gate [N,C], squeezed [N,D].
struct SqueezeExciteMemory {
  Tensor pooled, squeezed, gate;
};
void squeeze_excite(Executor& executor, const Tensor& x, const SqueezeExciteState& state,
                    const SqueezeExciteMemory& memory, const Tensor& y);

void global_average_pool(Executor& executor, const Tensor& x, const Tensor& y);

}  // namespace cf::inference
