#include "framework/ops/inference.h"

#include "kernels/activation/activation.h"
#include "kernels/cast/cast.h"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/fold_norm/fold_norm.h"
#include "kernels/folded_linear/folded_linear.h"
#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/mbconv_forward/mbconv_forward.h"
#include "kernels/patch_conv/patch_conv.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace cf::inference {

namespace {

// The same elements as output channels and all that each is made of.
template <class T>
View<T, K, I> by_output(const Tensor& weight) {
  const K outputs = weight.shape().extent<K>();
  return {weight.flat<T>().data(), outputs, I{weight.size() / outputs.value}};
}

}  // namespace

FoldedWeights fold_norm(Executor& executor, DType compute, const Parameter& weight,
                        const BatchNormState& norm) {
  FoldedWeights out;
  executor.at(compute, [&]<class T>(auto place) {
    const Shape outputs(weight.shape.extent<K>());
    out = {executor.empty(compute, weight.shape), executor.empty(kDType<Wide<T>>, outputs),
           executor.empty(compute, outputs)};
    kernels::fold_norm(
        place, kernels::FoldNorm<T>{.weight = by_output<const Wide<T>>(weight.value),
                                    .mean = norm.running_mean.value.renamed<const Wide<T>, K>(),
                                    .variance = norm.running_variance.value.renamed<const Wide<T>, K>(),
                                    .gamma = norm.weight.value.renamed<const Wide<T>, K>(),
                                    .bias = norm.bias.value.renamed<const Wide<T>, K>(),
                                    .folded = by_output<T>(out.weight),
                                    .shift = out.bias.view<Wide<T>, K>()});
    kernels::cast(place,
                  kernels::Cast<T>{.x = out.bias.flat<const Wide<T>>(), .y = out.rounded_bias.flat<T>()});
  });
  return out;
}

FoldedWeights weights_of(Executor& executor, DType compute, const Parameter& weight, const Parameter& bias) {
  const FoldedWeights out{weight.for_compute(), bias.value, executor.empty(compute, bias.shape)};
  executor.at(compute, [&]<class T>(auto place) {
    kernels::cast(place,
                  kernels::Cast<T>{.x = out.bias.flat<const Wide<T>>(), .y = out.rounded_bias.flat<T>()});
  });
  return out;
}

void folded_linear(Executor& executor, const Tensor& x, const FoldedWeights& weights,
                   kernels::Activation activation, const Tensor& residual, const Tensor& y) {
  executor.at(x.dtype(), [&]<class T>(auto place) {
    executor.with_workspace(place,
                            kernels::FoldedLinear<T>{
                                .x = x.rows<const T, M, C>(),
                                .weight = weights.weight.view<const T, K, C>(),
                                .bias = weights.rounded_bias.view<const T, K>(),
                                .activation = activation,
                                .residual = residual ? residual.rows<const T, M, K>() : View<const T, M, K>{},
                                .y = y.rows<T, M, K>(),
                                .workspace = {}},
                            [](auto at, const auto& args) { kernels::folded_linear(at, args); });
  });
}

void activation(Executor& executor, kernels::Activation activation, const Tensor& y) {
  executor.at(y.dtype(), [&]<class T>(auto place) {
    kernels::activation(place, kernels::ActivationForward<T>{
                                   .x = y.flat<const T>(), .activation = activation, .y = y.flat<T>()});
  });
}

void folded_patch_conv(Executor& executor, const Tensor& x, const FoldedWeights& weights, const Tensor& y) {
  executor.at(x.dtype(), [&]<class T>(auto place) {
    executor.with_workspace(place,
                            kernels::PatchConvForward<T>{.x = x.view<const T, N, H, W, C>(),
                                                         .weight = weights.weight.view<const T, K, R, S, C>(),
                                                         .bias = weights.rounded_bias.view<const T, K>(),
                                                         .y = y.renamed<T, N, P, Q, K>(),
                                                         .workspace = {}},
                            [](auto at, const auto& args) { kernels::patch_conv(at, args); });
  });
}

void folded_grouped_conv(Executor& executor, const Tensor& x, const FoldedWeights& weights,
                         kernels::Activation activation, const Tensor& y) {
  executor.at(x.dtype(), [&]<class T>(auto place) {
    executor.with_workspace(
        place,
        kernels::GroupedConvForward<T>{.x = x.view<const T, N, H, W, C>(),
                                       .weight = weights.weight.view<const T, K, R, S, C>(),
                                       .bias = weights.bias.view<const Wide<T>, K>(),
                                       .activation = activation,
                                       .y = y.renamed<T, N, H, W, K>(),
                                       .workspace = {}},
        [](auto at, const auto& args) { kernels::grouped_conv(at, args); });
  });
}

void fused_convfirst(Executor& executor, const Tensor& x, const ConvFirstWeights& w, const Tensor& y) {
  executor.at(x.dtype(), [&]<class T>(auto place) {
    if constexpr (std::is_same_v<decltype(place), Cuda> && std::is_same_v<T, float>) {
      fail(ErrorKind::Internal, "a fused ConvFirst block in float32 on the GPU");
    } else {
      executor.with_workspace(
          place,
          kernels::ConvFirstForward<T>{.x = x.view<const T, N, H, W, C>(),
                                       .conv = w.conv.weight.view<const T, K, R, S, C>(),
                                       .conv_bias = w.conv.bias.renamed<const Wide<T>, C>(),
                                       .expand = w.expand.weight.renamed<const T, E, C>(),
                                       .expand_bias = w.expand.bias.renamed<const Wide<T>, E>(),
                                       .project = w.project.weight.renamed<const T, C, E>(),
                                       .project_bias = w.project.bias.renamed<const Wide<T>, C>(),
                                       .y = y.view<T, N, H, W, C>(),
                                       .workspace = {}},
          [](auto at, const auto& args) { kernels::convfirst(at, args); });
    }
  });
}

kernels::ConvFirstLimits convfirst_limits(Executor& executor, DType type) {
  kernels::ConvFirstLimits limits;
  executor.at(type, [&]<class T>([[maybe_unused]] auto place) {
    if constexpr (std::is_same_v<decltype(place), Cuda> && !std::is_same_v<T, float>) {
      limits = kernels::convfirst_limits<T>(place);
    }
  });
  return limits;
}

void fused_mbconv(Executor& executor, const Tensor& x, const MBConvWeights& w, kernels::Activation activation,
                  const Tensor& y) {
  executor.at(x.dtype(), [&]<class T>(auto place) {
    if constexpr (std::is_same_v<decltype(place), Cuda> && std::is_same_v<T, float>) {
      fail(ErrorKind::Internal, "a fused MBConv block in float32 on the GPU");
    } else {
      const SqueezeExciteState& se = w.squeeze_excite;
      executor.with_workspace(
          place,
          kernels::MBConvForward<T>{
              .x = x.view<const T, N, H, W, C>(),
              .expand = w.expand.weight.renamed<const T, E, C>(),
              .expand_bias = w.expand.bias.renamed<const Wide<T>, E>(),
              .conv = w.conv.weight.view<const T, K, R, S, C>(),
              .conv_bias = w.conv.bias.renamed<const Wide<T>, E>(),
              .squeeze = se.reduce_weight->for_compute().template renamed<const T, D, E>(),
              .squeeze_bias = se.reduce_bias->value.template renamed<const Wide<T>, D>(),
              .excite = se.expand_weight->for_compute().template renamed<const T, E, D>(),
              .excite_bias = se.expand_bias->value.template renamed<const Wide<T>, E>(),
              .project = w.project.weight.renamed<const T, C, E>(),
              .project_bias = w.project.bias.renamed<const Wide<T>, C>(),
              .activation = activation,
              .y = y.view<T, N, H, W, C>(),
              .workspace = {}},
          [](auto at, const auto& args) { kernels::mbconv(at, args); });
    }
  });
}

void squeeze_excite(Executor& executor, const Tensor& x, const SqueezeExciteState& state,
                    const SqueezeExciteMemory& memory, const Tensor& y) {
  executor.at(x.dtype(), [&]<class T>(auto place) {
    executor.with_workspace(
        place,
        kernels::SqueezeExciteForward<T>{
            .x = x.view<const T, N, H, W, C>(),
            .reduce_weight = state.reduce_weight->for_compute().template renamed<const T, D, C>(),
            .reduce_bias = state.reduce_bias->value.template renamed<const Wide<T>, D>(),
            .expand_weight = state.expand_weight->for_compute().template renamed<const T, C, D>(),
            .expand_bias = state.expand_bias->value.template renamed<const Wide<T>, C>(),
            .pooled = memory.pooled.view<Wide<T>, N, C>(),
            .squeezed = memory.squeezed.renamed<Wide<T>, N, D>(),
            .gate = memory.gate.view<Wide<T>, N, C>(),
            .y = y.view<T, N, H, W, C>(),
            .workspace = {}},
        [](auto at, const auto& args) { kernels::squeeze_excite(at, args); });
  });
}

void global_average_pool(Executor& executor, const Tensor& x, const Tensor& y) {
  executor.at(x.dtype(), [&]<class T>(auto place) {
    kernels::global_average_pool(place, kernels::GlobalAveragePoolForward<T>{
                                            .x = x.view<const T, N, H, W, C>(), .y = y.view<T, N, C>()});
  });
}

}  // namespace cf::inference
