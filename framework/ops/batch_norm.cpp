#include "framework/ops/batch_norm.h"

#include "framework/autograd/kept_samples.h"
#include "framework/autograd/record.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/collect_statistics.h"

namespace cf {

namespace {

using kernels::Activation;

constexpr auto call_batch_norm = [](auto place, const auto& args) { kernels::batch_norm(place, args); };

// Of the batch, with what follows from them.
template <class T, class Place>
void train(Place place, Pass& pass, const BatchNormState& state, const NormedTensor& normed,
           const Tensor& variance, bool has_statistics) {
  pass.executor().with_workspace(
      place,
      kernels::BatchNormTraining<T>{.x = normed.x.rows<const T, M, C>(),
                                    .has_statistics = has_statistics,
                                    .gamma = state.weight.value.view<const Wide<T>, C>(),
                                    .bias = state.bias.value.view<const Wide<T>, C>(),
                                    .mean = normed.mean.view<Wide<T>, C>(),
                                    .variance = variance.view<Wide<T>, C>(),
                                    .rstd = normed.rstd.view<Wide<T>, C>(),
                                    .scale = normed.scale.view<Wide<T>, C>(),
                                    .shift = normed.shift.view<Wide<T>, C>(),
                                    .share = pass.options().micro_batch_share(),
                                    .accumulate = collects(state),
                                    .batch_mean = state.running_mean.batch.view<Wide<T>, C>(),
                                    .batch_variance = state.running_variance.batch.view<Wide<T>, C>(),
                                    .workspace = {}},
      call_batch_norm);
}

// From the gradient of the norm's activation, or of `factor` times the norm in the samples `kept` of a sum.
Tensor backward_of_kept(Pass& pass, const NormedTensor& normed, Tensor dy, Activation activation,
                        const Tensor& kept, float factor) {
  const bool in_place = !kept && dy.is_unique();
  Tensor dx = in_place ? dy : pass.empty(dy.dtype(), normed.x.shape());
  pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
    const auto [dgamma, accumulate] = gradient_target(*normed.weight);
    pass.executor().with_workspace(
        place,
        kernels::BatchNormBackward<T>{.x = normed.x.rows<const T, M, C>(),
                                      .dy = dy.rows<const T, M, C>(),
                                      .kept = view_of_kept(kept),
                                      .factor = factor,
                                      .mean = normed.mean.view<const Wide<T>, C>(),
                                      .rstd = normed.rstd.view<const Wide<T>, C>(),
                                      .gamma = normed.weight->value.view<const Wide<T>, C>(),
                                      .bias = normed.bias->value.view<const Wide<T>, C>(),
                                      .activation = activation,
                                      .dx = dx.rows<T, M, C>(),
                                      .dgamma = dgamma.template view<Wide<T>, C>(),
                                      .dbias = gradient_target(*normed.bias).into.template view<Wide<T>, C>(),
                                      .accumulate = accumulate,
                                      .workspace = {}},
        call_batch_norm);
  });
  return dx;
}

struct BatchNorm {
  static constexpr const char* kName = "batch_norm";
  struct Saved {
    NormedTensor normed;
    Activation activation = Activation::None;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, Parameter&, const BatchNormState& state,
                        Activation activation) {
    saved = {batch_norm_fold(pass, x, state), activation};
    return batch_norm_apply(pass, saved.normed, activation);
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, Tensor dy, Wanted<1>) {
    return {batch_norm_backward(pass, saved.normed, std::move(dy), saved.activation)};
  }
};

// The gradient of the sum goes to the residual as it is, and to the branch through the norm.
struct NormAndAdd {
  static constexpr const char* kName = "norm_and_add";
  struct Saved {
    NormedTensor normed;
    Tensor kept;
    float factor = 1;
  };

  static ResidualSum forward(Saved& saved, Pass& pass, const Tensor& residual, const Tensor& branch,
                             Parameter&, const BatchNormState& state, const Tensor& kept,
                             const BatchMoments& moments) {
    const auto samples = [](const Tensor& t) { return static_cast<float>(t.shape().extent<N>().value); };
    saved = {batch_norm_fold(pass, branch, state, moments), kept, samples(residual) / samples(branch)};
    return {residual, branch, saved.normed.scale, saved.normed.shift, kept, saved.factor};
  }

  static Gradients<2> backward(const Saved& saved, Pass& pass, Tensor dy, Wanted<2> wanted) {
    return {wanted[0] ? dy : Tensor(),
            backward_of_kept(pass, saved.normed, std::move(dy), Activation::None, saved.kept, saved.factor)};
  }
};

}  // namespace

float collects(const BatchNormState& state) {
  const bool adds = state.running_mean.has_batch;
  state.running_mean.has_batch = state.running_variance.has_batch = true;
  return adds ? 1.0F : 0.0F;
}

NormedTensor batch_norm_fold(Pass& pass, const Tensor& x, const BatchNormState& state,
                             const BatchMoments& moments) {
  NormedTensor out;
  out.x = x;
  out.weight = &state.weight;
  out.bias = &state.bias;
  pass.executor().at(x.dtype(), [&]<class T>(auto place) {
    const auto channels = [&] { return pass.empty(kDType<Wide<T>>, state.weight.shape); };
    out.scale = channels();
    out.shift = channels();
    if (pass.training()) {
      const bool given = static_cast<bool>(moments.mean);
      out.mean = given ? moments.mean : channels();
      out.rstd = channels();
      in_context([&] { return state.weight.name; },
                 [&] { train<T>(place, pass, state, out, given ? moments.variance : channels(), given); });
      return;
    }
    kernels::batch_norm(
        place, kernels::BatchNormFold<T>{.mean = state.running_mean.value.view<const Wide<T>, C>(),
                                         .variance = state.running_variance.value.view<const Wide<T>, C>(),
                                         .gamma = state.weight.value.view<const Wide<T>, C>(),
                                         .bias = state.bias.value.view<const Wide<T>, C>(),
                                         .rstd = {},
                                         .scale = out.scale.view<Wide<T>, C>(),
                                         .shift = out.shift.view<Wide<T>, C>()});
  });
  return out;
}

Tensor batch_norm_apply(Pass& pass, const NormedTensor& normed, Activation activation) {
  Tensor y = pass.empty(normed.x.dtype(), normed.x.shape());
  pass.executor().at(y.dtype(), [&]<class T>(auto place) {
    kernels::batch_norm(place, kernels::BatchNormApply<T>{.x = normed.x.rows<const T, M, C>(),
                                                          .scale = normed.scale.view<const Wide<T>, C>(),
                                                          .shift = normed.shift.view<const Wide<T>, C>(),
                                                          .activation = activation,
                                                          .y = y.rows<T, M, C>()});
  });
  return y;
}

Tensor batch_norm_backward(Pass& pass, const NormedTensor& normed, Tensor dy, Activation activation) {
  return backward_of_kept(pass, normed, std::move(dy), activation, {}, 1);
}

void collect_statistics(Pass& pass, const BatchNormState& state, const Tensor& mean, const Tensor& variance,
                        std::int64_t count) {
  const float accumulate = collects(state);
  pass.executor().at(mean.dtype(), [&]<class T>(auto place) {
    if constexpr (std::is_same_v<T, Wide<T>>) {
      kernels::collect_statistics(
          place, kernels::CollectStatistics<T>{.mean = mean.renamed<const T, C>(),
                                               .variance = variance.renamed<const T, C>(),
                                               .count = count,
                                               .share = pass.options().micro_batch_share(),
                                               .accumulate = accumulate,
                                               .batch_mean = state.running_mean.batch.view<T, C>(),
                                               .batch_variance = state.running_variance.batch.view<T, C>()});
    } else {
      fail(ErrorKind::Internal, "statistics of type ", name_of(mean.dtype()));
    }
  });
}

Variable batch_norm(Pass& pass, const Variable& x, BatchNormState state, Activation activation) {
  return record<BatchNorm>(pass, inputs(x), state.weight, state, activation);
}

Variable norm_and_add(Pass& pass, const Variable& residual, const Variable& branch, BatchNormState state,
                      const Tensor& kept, const BatchMoments& moments) {
  return record<NormAndAdd>(pass, inputs(residual, branch), state.weight, state, kept, moments);
}

}  // namespace cf
