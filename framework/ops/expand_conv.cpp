#include "framework/ops/expand_conv.h"

#include "framework/autograd/record.h"
#include "framework/ops/grouped_conv.h"
#include "framework/ops/supported_place.h"
#include "kernels/activation/activation.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/covariance/covariance.h"
#include "kernels/fold_expand_norm/fold_expand_norm.h"
#include "kernels/folded_linear/folded_linear.h"
#include "kernels/linear/linear.h"
#include "kernels/residual/residual.h"

namespace cf {

namespace {

constexpr auto call_expansion = [](auto place, const auto& args) { kernels::linear(place, args); };
constexpr auto call_folded_linear = [](auto place, const auto& args) { kernels::folded_linear(place, args); };
constexpr auto call_fold = [](auto place, const auto& args) { kernels::fold_expand_norm(place, args); };

// Of the batch, [C].
struct Moments {
  Tensor mean, variance;
};

template <class T, class Place>
Moments moments(Place place, Pass& pass, const Tensor& x) {
  const Shape channels(x.shape().extent<C>());
  const Moments out{pass.empty(kDType<Wide<T>>, channels), pass.empty(kDType<Wide<T>>, channels)};
  pass.executor().with_workspace(place,
                                 kernels::BatchNormStatistics<T>{.x = x.rows<const T, M, C>(),
                                                                 .mean = out.mean.view<Wide<T>, C>(),
                                                                 .variance = out.variance.view<Wide<T>, C>(),
                                                                 .workspace = {}},
                                 [](auto at, const auto& args) { kernels::batch_norm(at, args); });
  return out;
}

// x [N,H,W,C] - shift [C].
template <class T, class Place>
Tensor shifted(Place place, Pass& pass, const Tensor& x, const Tensor& shift) {
  Tensor y = pass.empty(x.dtype(), x.shape());
  // x - (0 x + shift): the sum of a block whose branch's norm is its shift alone.
  const Tensor zero = pass.executor().zeros(shift.dtype(), shift.shape());
  const auto samples = x.view<const T, N, H, W, C>();
  kernels::residual(place, kernels::ResidualSum<T>{.x = samples,
                                                   .branch = samples,
                                                   .scale = zero.view<const Wide<T>, C>(),
                                                   .shift = shift.view<const Wide<T>, C>(),
                                                   .kept = {},
                                                   .factor = -1,
                                                   .y = y.view<T, N, H, W, C>()});
  return y;
}

// The norm folded into the expansion: relu(weight x + bias).
struct Folded {
  Tensor weight, bias;                  // [E,C], [E]
  Tensor hidden_mean, hidden_variance;  // [E]
};

struct ExpandConv {
  static constexpr const char* kName = "expand_conv";

  struct Saved {
    Tensor x;                 // the input less a shift that brings it near zero
    Tensor input_mean;        // of the input itself
    Tensor mean, covariance;  // of x
    Parameter *expand = nullptr, *gamma = nullptr, *beta = nullptr, *conv = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& input, Parameter& expand,
                        const BatchNormState& expand_norm, Parameter& conv) {
    saved.expand = &expand;
    saved.gamma = &expand_norm.weight;
    saved.beta = &expand_norm.bias;
    saved.conv = &conv;
    Tensor hidden;
    at_supported(kName, pass.executor(), input.dtype(), [&]<class T>(auto place) {
      in_context([&] { return saved.gamma->name; }, [&] { take_moments<T>(place, saved, pass, input); });
      const Folded folded = fold<T>(place, saved, pass);
      collect_statistics(pass, expand_norm, folded.hidden_mean, folded.hidden_variance,
                         input.rows<const T, M, C>().template extent<M>().value);
      hidden = expanded<T>(place, saved, pass, folded);
    });
    return grouped_conv_forward(pass, hidden, conv);
  }

  template <class T, class Place>
  static void take_moments(Place place, Saved& saved, Pass& pass, const Tensor& input) {
    const std::int64_t channels = input.shape().extent<C>().value;
    const auto [mean, variance] = moments<T>(place, pass, input);
    const Tensor shift = pass.empty(mean.dtype(), mean.shape());
    kernels::fold_expand_norm(
        place, kernels::ExpandInputShift<T>{.mean = mean.template view<const Wide<T>, C>(),
                                            .variance = variance.template view<const Wide<T>, C>(),
                                            .shift = shift.view<Wide<T>, C>()});
    saved.x = shifted<T>(place, pass, input, shift);
    saved.input_mean = mean;
    saved.mean = pass.empty(kDType<Wide<T>>, Shape(C{channels}));
    saved.covariance = pass.empty(kDType<Wide<T>>, Shape(C{channels}, K{channels}));
    pass.executor().with_workspace(
        place,
        kernels::Covariance<T>{.x = saved.x.rows<const T, M, C>(),
                               .mean = saved.mean.view<Wide<T>, C>(),
                               .covariance = saved.covariance.view<Wide<T>, C, K>(),
                               .workspace = {}},
        [](auto at, const auto& args) { kernels::covariance(at, args); });
  }

  template <class T, class Place>
  static Folded fold(Place place, const Saved& saved, Pass& pass) {
    const E hidden{saved.expand->shape.extent<K>().value};
    const C channels = saved.expand->shape.extent<C>();
    const auto wide = [&] { return pass.empty(kDType<Wide<T>>, Shape(hidden)); };
    const Folded out{pass.empty(kDType<T>, Shape(hidden, channels)), pass.empty(kDType<T>, Shape(hidden)),
                     wide(), wide()};
    pass.executor().with_workspace(
        place,
        kernels::FoldExpandNorm<T>{.input_mean = saved.input_mean.view<const Wide<T>, C>(),
                                   .mean = saved.mean.view<const Wide<T>, C>(),
                                   .covariance = saved.covariance.view<const Wide<T>, C, K>(),
                                   .expand = saved.expand->value.renamed<const Wide<T>, E, C>(),
                                   .gamma = saved.gamma->value.renamed<const Wide<T>, E>(),
                                   .beta = saved.beta->value.renamed<const Wide<T>, E>(),
                                   .folded = out.weight.view<T, E, C>(),
                                   .folded_bias = out.bias.view<T, E>(),
                                   .hidden_mean = out.hidden_mean.view<Wide<T>, E>(),
                                   .hidden_variance = out.hidden_variance.view<Wide<T>, E>(),
                                   .workspace = {}},
        call_fold);
    return out;
  }

  // The layer behind the ReLU.
  template <class T, class Place>
  static Tensor expanded(Place place, const Saved& saved, Pass& pass, const Folded& folded) {
    Tensor hidden =
        pass.empty(saved.x.dtype(), saved.x.shape().with(C{folded.bias.shape().extent<E>().value}));
    pass.executor().with_workspace(place,
                                   kernels::FoldedLinear<T>{.x = saved.x.rows<const T, M, C>(),
                                                            .weight = folded.weight.renamed<const T, K, C>(),
                                                            .bias = folded.bias.renamed<const T, K>(),
                                                            .activation = kernels::Activation::Relu,
                                                            .y = hidden.rows<T, M, K>(),
                                                            .workspace = {}},
                                   call_folded_linear);
    return hidden;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, Tensor dy, Wanted<1> wanted) {
    Tensor dx;
    at_supported(kName, pass.executor(), dy.dtype(), [&]<class T>(auto place) {
      const Folded folded = fold<T>(place, saved, pass);
      const Tensor dh =
          gradient_of_hidden<T>(place, saved, pass, expanded<T>(place, saved, pass, folded), dy);
      dy = {};
      const Tensor slope = gradients_of_parameters<T>(place, saved, pass, folded, dh);
      if (wanted[0]) dx = gradient_of_input<T>(place, saved, pass, folded, dh, slope);
    });
    return {dx};
  }

  // From the gradient of the convolution to that in front of the ReLU.
  template <class T, class Place>
  static Tensor gradient_of_hidden(Place place, const Saved& saved, Pass& pass, const Tensor& hidden,
                                   const Tensor& dy) {
    Tensor dh = grouped_conv_backward(pass, hidden, *saved.conv, dy, true);
    kernels::activation(place, kernels::ActivationBackward<T>{.x = hidden.flat<const T>(),
                                                              .dy = dh.flat<const T>(),
                                                              .activation = kernels::Activation::Relu,
                                                              .dx = dh.flat<T>()});
    return dh;
  }

  // Those of the expansion and its norm; returns the slope by which x comes back through the statistics.
  template <class T, class Place>
  static Tensor gradients_of_parameters(Place place, const Saved& saved, Pass& pass, const Folded& folded,
                                        const Tensor& dh) {
    Executor& executor = pass.executor();
    const Tensor dfolded = pass.empty(kDType<Wide<T>>, saved.expand->shape);
    const Tensor dbias = pass.empty(kDType<Wide<T>>, saved.gamma->shape);
    const auto x = saved.x.rows<const T, M, C>();
    executor.with_workspace(place,
                            kernels::LinearBackwardWeight<T>{.x = x,
                                                             .dy = dh.rows<const T, M, K>(),
                                                             .dweight = dfolded.view<Wide<T>, K, C>(),
                                                             .dbias = dbias.renamed<Wide<T>, K>(),
                                                             .workspace = {}},
                            call_expansion);
    const Tensor slope = pass.empty(kDType<T>, saved.covariance.shape());
    const auto [dexpand, accumulate] = gradient_target(*saved.expand);
    executor.with_workspace(place,
                            kernels::FoldExpandNormBackward<T>{
                                .rows = x.template extent<M>().value,
                                .mean = saved.mean.view<const Wide<T>, C>(),
                                .covariance = saved.covariance.view<const Wide<T>, C, K>(),
                                .expand = saved.expand->value.renamed<const Wide<T>, E, C>(),
                                .gamma = saved.gamma->value.renamed<const Wide<T>, E>(),
                                .hidden_variance = folded.hidden_variance.view<const Wide<T>, E>(),
                                .dfolded = dfolded.renamed<const Wide<T>, E, C>(),
                                .dfolded_bias = dbias.renamed<const Wide<T>, E>(),
                                .dexpand = dexpand.template renamed<Wide<T>, E, C>(),
                                .dgamma = gradient_target(*saved.gamma).into.template renamed<Wide<T>, E>(),
                                .dbeta = gradient_target(*saved.beta).into.template renamed<Wide<T>, E>(),
                                .accumulate = accumulate,
                                .slope = slope.view<T, C, K>(),
                                .workspace = {}},
                            call_fold);
    return slope;
  }

  // weight' dh + slope x, less its mean.
  template <class T, class Place>
  static Tensor gradient_of_input(Place place, const Saved& saved, Pass& pass, const Folded& folded,
                                  const Tensor& dh, const Tensor& slope) {
    Executor& executor = pass.executor();
    const Tensor direct = pass.empty(dh.dtype(), saved.x.shape());
    executor.with_workspace(place,
                            kernels::LinearBackwardInput<T>{.dy = dh.rows<const T, M, K>(),
                                                            .weight = folded.weight.renamed<const T, K, C>(),
                                                            .dx = direct.rows<T, M, C>(),
                                                            .workspace = {}},
                            call_expansion);
    const Tensor sum = pass.empty(dh.dtype(), saved.x.shape());
    const Tensor zero = executor.zeros(kDType<T>, saved.mean.shape());
    executor.with_workspace(place,
                            kernels::FoldedLinear<T>{.x = saved.x.rows<const T, M, C>(),
                                                     .weight = slope.renamed<const T, K, C>(),
                                                     .bias = zero.renamed<const T, K>(),
                                                     .residual = direct.rows<const T, M, K>(),
                                                     .y = sum.rows<T, M, K>(),
                                                     .workspace = {}},
                            call_folded_linear);
    return shifted<T>(place, pass, sum, moments<T>(place, pass, sum).mean);
  }
};

}  // namespace

std::string why_no_expand_conv(PlaceKind place, DType dtype, std::int64_t channels) {
  if (place != PlaceKind::Cuda) return "";
  if (dtype == DType::Float32) {
    return "the GPU's fused passes compute in float16 and bfloat16, not in float32";
  }
  return channels % 8 == 0 ? ""
                           : concat("the GPU's fused passes take multiples of 8 channels, not C=", channels);
}

Variable expand_conv(Pass& pass, const Variable& x, Parameter& expand, const BatchNormState& expand_norm,
                     Parameter& conv) {
  CF_CHECK(pass.training(), "expand_conv takes the statistics of a batch: training only");
  return record<ExpandConv>(pass, inputs(x), expand, expand_norm, conv);
}

}  // namespace cf
