#include <cmath>

#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/cross_entropy/cross_entropy_check.h"

namespace cf::kernels {

namespace {

// log softmax(z)[k] = (z[k] - z[largest]) - log1p(rest), where rest sums exp(z[j] - z[largest]) over j !=
// largest: exact too where one class holds nearly all of the probability.
template <class T>
struct RowNormaliser {
  Wide<T> largest_logit, log_sum;

  RowNormaliser(const View<const T, N, K>& logits, N n) {
    K largest{0};
    for (const K k : range(logits.template extent<K>())) {
      if (logits(n, k) > logits(n, largest)) largest = k;
    }
    largest_logit = logits(n, largest);
    Wide<T> rest = 0;
    for (const K k : range(logits.template extent<K>())) {
      if (k != largest) rest += std::exp(logits(n, k) - largest_logit);
    }
    log_sum = std::log1p(rest);
  }

  Wide<T> log_probability(T logit) const { return (logit - largest_logit) - log_sum; }
};

template <class T>
Wide<T> cross_entropy_of_sample(const LossForward<T>& args, N n) {
  const K classes = args.logits.template extent<K>();
  const RowNormaliser<T> row(args.logits, n);
  Wide<T> loss = 0;
  for (const K k : range(classes)) {
    const Wide<T> target = target_of(args.target, n, k, classes);
    if (target != 0) loss -= target * row.log_probability(args.logits(n, k));  // the logit may be -infinity
  }
  return loss;
}

template <class T>
Wide<T> binary_cross_entropy_of_sample(const LossForward<T>& args, N n) {
  const K classes = args.logits.template extent<K>();
  Wide<T> loss = 0;
  for (const K k : range(classes)) {
    const Wide<T> z = args.logits(n, k);
    const Wide<T> softplus = (z > 0 ? z : 0) + std::log1p(std::exp(-std::abs(z)));
    loss += softplus - target_of(args.target, n, k, classes) * z;
  }
  return loss / static_cast<Wide<T>>(classes.value);
}

template <class T>
void cross_entropy_gradient_of_sample(const LossBackward<T>& args, N n) {
  const K classes = args.logits.template extent<K>();
  const RowNormaliser<T> row(args.logits, n);
  const Wide<T> factor = args.dloss(I{0}) / static_cast<Wide<T>>(args.logits.template extent<N>().value);
  Wide<T> target_sum = 0;
  for (const K k : range(classes)) target_sum += target_of(args.target, n, k, classes);
  for (const K k : range(classes)) {
    const Wide<T> probability = std::exp(row.log_probability(args.logits(n, k)));
    args.dlogits(n, k) =
        static_cast<T>(factor * (probability * target_sum - target_of(args.target, n, k, classes)));
  }
}

template <class T>
void binary_cross_entropy_gradient_of_sample(const LossBackward<T>& args, N n) {
  const K classes = args.logits.template extent<K>();
  const Wide<T> factor = args.dloss(I{0}) / static_cast<Wide<T>>(args.logits.size());
  for (const K k : range(classes)) {
    const Wide<T> sigmoid = 1 / (1 + std::exp(-static_cast<Wide<T>>(args.logits(n, k))));
    args.dlogits(n, k) = static_cast<T>(factor * (sigmoid - target_of(args.target, n, k, classes)));
  }
}

}  // namespace

template <class T>
void cross_entropy(Reference, const LossForward<T>& args) {
  check(args);
  const N samples = args.logits.template extent<N>();
  Wide<T> sum = 0;
  for (const N n : range(samples)) {
    args.sample_loss(n) = args.kind == LossKind::CrossEntropy ? cross_entropy_of_sample(args, n)
                                                              : binary_cross_entropy_of_sample(args, n);
    sum += args.sample_loss(n);
  }
  args.mean_loss(I{0}) = sum / static_cast<Wide<T>>(samples.value);
}

template <class T>
void cross_entropy(Reference, const LossBackward<T>& args) {
  check(args);
  for (const N n : range(args.logits.template extent<N>())) {
    if (args.kind == LossKind::CrossEntropy) {
      cross_entropy_gradient_of_sample(args, n);
    } else {
      binary_cross_entropy_gradient_of_sample(args, n);
    }
  }
}

#define CF_INSTANTIATE(T)                                        \
  template void cross_entropy(Reference, const LossForward<T>&); \
  template void cross_entropy(Reference, const LossBackward<T>&)

CF_INSTANTIATE(double);
CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

}  // namespace cf::kernels
