#include "framework/ops/convfirst_branch.h"

#include "framework/autograd/kept_samples.h"
#include "framework/autograd/record.h"
#include "framework/ops/grouped_conv.h"
#include "framework/ops/supported_place.h"
#include "kernels/covariance/covariance.h"
#include "kernels/feed_forward/feed_forward.h"
#include "kernels/feed_forward_backward/feed_forward_backward.h"
#include "kernels/fold_batch_norms/fold_batch_norms.h"
#include "kernels/grouped_conv/grouped_conv.h"

namespace cf {

namespace {

constexpr const char* kBranchName = "the fused ConvFirst branch";

struct Extents {
  std::int64_t channels, hidden;

  explicit Extents(const Parameter& expand)
      : channels(expand.shape.extent<C>().value), hidden(expand.shape.extent<K>().value) {}
};

struct Branch {
  static constexpr const char* kName = "convfirst_branch";
  static constexpr bool kAdds = true;

  struct Saved {
    Tensor x, kept;
    Tensor u;                 // the convolution's output at the kept samples, about centred
    Tensor mean, covariance;  // of u
    Tensor folded, folded_bias, hidden_variance;
    Parameter *conv = nullptr, *conv_gamma = nullptr, *conv_beta = nullptr, *expand = nullptr,
              *expand_gamma = nullptr, *expand_beta = nullptr, *project = nullptr;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter& conv, const Tensor& kept,
                        const ConvFirstBranch& branch, BatchMoments& moments) {
    saved.x = x;
    saved.kept = kept;
    saved.conv = &conv;
    saved.conv_gamma = &branch.conv_norm.weight;
    saved.conv_beta = &branch.conv_norm.bias;
    saved.expand = &branch.expand;
    saved.expand_gamma = &branch.expand_norm.weight;
    saved.expand_beta = &branch.expand_norm.bias;
    saved.project = &branch.project;
    Tensor p = pass.empty(x.dtype(), kept ? x.shape().with(kept.shape().extent<N>()) : x.shape());
    at_supported(kBranchName, pass.executor(), x.dtype(), [&]<class T>(auto place) {
      const Tensor bias = convolve<T>(place, saved, pass, p.shape());
      fold<T>(place, saved, pass, branch, bias);
      const Shape channels(C{p.shape().extent<C>().value});
      moments = {pass.empty(kDType<Wide<T>>, channels), pass.empty(kDType<Wide<T>>, channels)};
      pass.executor().with_workspace(
          place,
          kernels::FeedForward<T>{.u = saved.u.rows<const T, M, C>(),
                                  .expand = saved.folded.view<const T, E, C>(),
                                  .expand_bias = saved.folded_bias.view<const Wide<T>, E>(),
                                  .project = branch.project.for_compute().renamed<const T, C, E>(),
                                  .p = p.rows<T, M, C>(),
                                  .mean = moments.mean.view<Wide<T>, C>(),
                                  .variance = moments.variance.view<Wide<T>, C>(),
                                  .workspace = {}},
          [](auto at, const auto& args) { kernels::feed_forward(at, args); });
    });
    return p;
  }

  // u = conv(x) + bias with its mean and covariance; returns the bias.
  template <class T, class Place>
  static Tensor convolve(Place place, Saved& saved, Pass& pass, const Shape& shape) {
    const std::int64_t channels = saved.x.shape().extent<C>().value;
    const Tensor bias = pass.empty(kDType<Wide<T>>, Shape(K{channels}));
    saved.u = pass.empty(saved.x.dtype(), shape);
    saved.mean = pass.empty(kDType<Wide<T>>, Shape(C{channels}));
    saved.covariance = pass.empty(kDType<Wide<T>>, Shape(C{channels}, K{channels}));
    const auto x = saved.x.view<const T, N, H, W, C>();
    const auto kept = view_of_kept(saved.kept);
    const auto weight = saved.conv->for_compute().view<const T, K, R, S, C>();
    kernels::grouped_conv(place,
                          kernels::GroupedConvCentre<T>{
                              .x = x, .kept = kept, .weight = weight, .bias = bias.view<Wide<T>, K>()});
    pass.executor().with_workspace(place,
                                   kernels::GroupedConvForward<T>{.x = x,
                                                                  .kept = kept,
                                                                  .weight = weight,
                                                                  .bias = bias.view<const Wide<T>, K>(),
                                                                  .y = saved.u.renamed<T, N, H, W, K>(),
                                                                  .workspace = {}},
                                   [](auto at, const auto& args) { kernels::grouped_conv(at, args); });
    in_context([&] { return saved.conv_gamma->name; },
               [&] {
                 pass.executor().with_workspace(
                     place,
                     kernels::Covariance<T>{.x = saved.u.rows<const T, M, C>(),
                                            .mean = saved.mean.view<Wide<T>, C>(),
                                            .covariance = saved.covariance.view<Wide<T>, C, K>(),
                                            .workspace = {}},
                     [](auto at, const auto& args) { kernels::covariance(at, args); });
               });
    return bias;
  }

  template <class T, class Place>
  static void fold(Place place, Saved& saved, Pass& pass, const ConvFirstBranch& branch, const Tensor& bias) {
    const Extents extents(branch.expand);
    const DType wide = kDType<Wide<T>>;
    const Shape hidden(E{extents.hidden}), channels(C{extents.channels});
    saved.folded = pass.empty(kDType<T>, Shape(E{extents.hidden}, C{extents.channels}));
    saved.folded_bias = pass.empty(wide, hidden);
    saved.hidden_variance = pass.empty(wide, hidden);
    const Tensor hidden_mean = pass.empty(wide, hidden), conv_mean = pass.empty(wide, channels),
                 conv_variance = pass.empty(wide, channels);
    const BatchNormState &conv = branch.conv_norm, &hidden_norm = branch.expand_norm;
    const float accumulate = collects(conv);
    CF_CHECK(collects(hidden_norm) == accumulate, kBranchName,
             ": the step has collected the statistics of one of the norms");
    const kernels::CollectBothNorms<T> collected{
        .count = saved.u.size() / extents.channels,
        .share = pass.options().micro_batch_share(),
        .accumulate = accumulate,
        .conv_mean = conv.running_mean.batch.view<Wide<T>, C>(),
        .conv_variance = conv.running_variance.batch.view<Wide<T>, C>(),
        .hidden_mean = hidden_norm.running_mean.batch.renamed<Wide<T>, E>(),
        .hidden_variance = hidden_norm.running_variance.batch.renamed<Wide<T>, E>()};
    const auto of_hidden = [](const Tensor& t) { return t.renamed<const Wide<T>, E>(); };
    const auto of_channels = [](const Tensor& t) { return t.renamed<const Wide<T>, C>(); };
    kernels::fold_batch_norms(
        place, kernels::FoldBatchNorms<T>{.bias = of_channels(bias),
                                          .mean = of_channels(saved.mean),
                                          .covariance = saved.covariance.view<const Wide<T>, C, K>(),
                                          .expand = branch.expand.value.renamed<const Wide<T>, E, C>(),
                                          .conv_gamma = of_channels(branch.conv_norm.weight.value),
                                          .conv_beta = of_channels(branch.conv_norm.bias.value),
                                          .expand_gamma = of_hidden(branch.expand_norm.weight.value),
                                          .expand_beta = of_hidden(branch.expand_norm.bias.value),
                                          .folded = saved.folded.view<T, E, C>(),
                                          .folded_bias = saved.folded_bias.view<Wide<T>, E>(),
                                          .hidden_mean = hidden_mean.view<Wide<T>, E>(),
                                          .hidden_variance = saved.hidden_variance.view<Wide<T>, E>(),
                                          .conv_mean = conv_mean.view<Wide<T>, C>(),
                                          .conv_variance = conv_variance.view<Wide<T>, C>(),
                                          .collected = collected});
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1> wanted,
                               Gradients<1> so_far) {
    Tensor du;
    at_supported(kBranchName, pass.executor(), dy.dtype(),
                 [&]<class T>(auto place) { du = gradient_of_convolution<T>(place, saved, pass, dy); });
    return {grouped_conv_backward_of_kept(pass, saved.x, saved.kept, *saved.conv, du, wanted[0],
                                          std::move(so_far[0]))};
  }

  // From the gradient of the result to that of u, through both norms; all parameters but the convolution's
  // get their gradients.
  template <class T, class Place>
  static Tensor gradient_of_convolution(Place place, const Saved& saved, Pass& pass, const Tensor& dp) {
    const Extents extents(*saved.expand);
    const DType wide = kDType<Wide<T>>;
    Executor& executor = pass.executor();
    const Tensor du = pass.empty(dp.dtype(), saved.u.shape());
    const Tensor dfolded = pass.empty(wide, Shape(E{extents.hidden}, C{extents.channels}));
    const Tensor dfolded_bias = pass.empty(wide, Shape(E{extents.hidden}));
    const auto [dproject, accumulate] = gradient_target(*saved.project);
    executor.with_workspace(
        place,
        kernels::FeedForwardBackward<T>{.u = saved.u.view<const T, N, H, W, C>(),
                                        .expand = saved.folded.view<const T, E, C>(),
                                        .expand_bias = saved.folded_bias.view<const Wide<T>, E>(),
                                        .project = saved.project->for_compute().renamed<const T, C, E>(),
                                        .dp = dp.view<const T, N, H, W, C>(),
                                        .du = du.view<T, N, H, W, C>(),
                                        .dexpand = dfolded.view<Wide<T>, E, C>(),
                                        .dexpand_bias = dfolded_bias.view<Wide<T>, E>(),
                                        .dproject = dproject.template renamed<Wide<T>, C, E>(),
                                        .accumulate = accumulate,
                                        .workspace = {}},
        [](auto at, const auto& args) { kernels::feed_forward(at, args); });

    const Tensor dmean = pass.empty(wide, Shape(C{extents.channels}));
    const Tensor dcovariance = pass.empty(wide, saved.covariance.shape());
    unfold<T>(place, saved, executor, dfolded, dfolded_bias, dmean, dcovariance);
    executor.with_workspace(
        place,
        kernels::CovarianceBackward<T>{.x = saved.u.rows<const T, M, C>(),
                                       .mean = saved.mean.view<const Wide<T>, C>(),
                                       .dmean = dmean.view<const Wide<T>, C>(),
                                       .dcovariance = dcovariance.view<const Wide<T>, C, K>(),
                                       .dx = du.rows<T, M, C>(),
                                       .workspace = {}},
        [](auto at, const auto& args) { kernels::covariance(at, args); });
    return du;
  }

  template <class T, class Place>
  static void unfold(Place place, const Saved& saved, Executor& executor, const Tensor& dfolded,
                     const Tensor& dfolded_bias, const Tensor& dmean, const Tensor& dcovariance) {
    const auto [dexpand, accumulate] = gradient_target(*saved.expand);
    const auto gradient = [](Parameter* parameter) { return gradient_target(*parameter).into; };
    executor.with_workspace(place,
                            kernels::FoldBatchNormsBackward<T>{
                                .mean = saved.mean.view<const Wide<T>, C>(),
                                .covariance = saved.covariance.view<const Wide<T>, C, K>(),
                                .expand = saved.expand->value.renamed<const Wide<T>, E, C>(),
                                .conv_gamma = saved.conv_gamma->value.view<const Wide<T>, C>(),
                                .expand_gamma = saved.expand_gamma->value.renamed<const Wide<T>, E>(),
                                .folded = saved.folded.view<const T, E, C>(),
                                .hidden_variance = saved.hidden_variance.view<const Wide<T>, E>(),
                                .dfolded = dfolded.view<const Wide<T>, E, C>(),
                                .dfolded_bias = dfolded_bias.view<const Wide<T>, E>(),
                                .dexpand = dexpand.template renamed<Wide<T>, E, C>(),
                                .dconv_gamma = gradient(saved.conv_gamma).template view<Wide<T>, C>(),
                                .dconv_beta = gradient(saved.conv_beta).template view<Wide<T>, C>(),
                                .dexpand_gamma = gradient(saved.expand_gamma).template renamed<Wide<T>, E>(),
                                .dexpand_beta = gradient(saved.expand_beta).template renamed<Wide<T>, E>(),
                                .accumulate = accumulate,
                                .dmean = dmean.view<Wide<T>, C>(),
                                .dcovariance = dcovariance.view<Wide<T>, C, K>(),
                                .workspace = {}},
                            [](auto at, const auto& args) { kernels::fold_batch_norms(at, args); });
  }
};

}  // namespace

std::string why_no_convfirst_branch(PlaceKind place, DType dtype, std::int64_t channels) {
  if (place != PlaceKind::Cuda) return "";
  if (dtype == DType::Float32) {
    return "the GPU's fused passes compute in float16 and bfloat16, not in float32";
  }
  if (channels <= kernels::kMostCovarianceChannels) return "";
  return concat("the GPU's fused passes take at most ", kernels::kMostCovarianceChannels,
                " channels, not C=", channels);
}

ConvFirstResult convfirst_branch(Pass& pass, const Variable& x, const Tensor& kept,
                                 const ConvFirstBranch& branch) {
  CF_CHECK(pass.training(), "the fused ConvFirst branch takes the statistics of a batch: training only");
  ConvFirstResult result;
  result.branch = record<Branch>(pass, inputs(x), branch.conv, kept, branch, result.moments);
  return result;
}

}  // namespace cf
