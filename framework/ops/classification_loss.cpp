#include "framework/ops/classification_loss.h"

#include "framework/autograd/record.h"

namespace cf {

namespace {

template <class T>
kernels::ClassificationTarget<T> target_views(const Target& target) {
  kernels::ClassificationTarget<T> out{.labels = {}, .soft_targets = {}, .smoothing = target.smoothing};
  if (target.labels) out.labels = target.labels.view<const std::int64_t, N>();
  if (target.soft_targets) out.soft_targets = target.soft_targets.view<const Wide<T>, N, K>();
  return out;
}

struct ClassificationLoss {
  static constexpr const char* kName = "classification_loss";
  struct Saved {
    Tensor logits;
    kernels::LossKind kind = kernels::LossKind::CrossEntropy;
    Target target;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& logits, kernels::LossKind kind,
                        const Target& target, Tensor* sample_loss) {
    CF_CHECK(static_cast<bool>(target.labels) != static_cast<bool>(target.soft_targets),
             "a loss needs either labels or soft targets");
    saved = {logits, kind, target};
    Tensor mean;
    pass.executor().at(logits.dtype(), [&]<class T>(auto place) {
      mean = pass.empty(kDType<Wide<T>>, Shape(I{1}));
      const Tensor losses = pass.empty(kDType<Wide<T>>, Shape(logits.shape().extent<N>()));
      kernels::cross_entropy(place, kernels::LossForward<T>{.kind = kind,
                                                            .logits = logits.renamed<const T, N, K>(),
                                                            .target = target_views<T>(target),
                                                            .sample_loss = losses.view<Wide<T>, N>(),
                                                            .mean_loss = mean.view<Wide<T>, I>()});
      if (sample_loss) *sample_loss = losses;
    });
    return mean;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>) {
    Tensor dlogits = pass.empty(saved.logits.dtype(), saved.logits.shape());
    pass.executor().at(dlogits.dtype(), [&]<class T>(auto place) {
      kernels::cross_entropy(place, kernels::LossBackward<T>{.kind = saved.kind,
                                                             .logits = saved.logits.renamed<const T, N, K>(),
                                                             .target = target_views<T>(saved.target),
                                                             .dloss = dy.view<const Wide<T>, I>(),
                                                             .dlogits = dlogits.renamed<T, N, K>()});
    });
    return {dlogits};
  }
};

}  // namespace

Variable classification_loss(Pass& pass, const Variable& logits, kernels::LossKind kind, const Target& target,
                             Tensor* sample_loss) {
  return record<ClassificationLoss>(pass, inputs(logits), kind, target, sample_loss);
}

}  // namespace cf
