#include <cmath>

#include "kernels/activation/activation_reference.h"
#include "kernels/base/accumulate.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/batch_norm_check.h"
#include "kernels/batch_norm/kept_rows.h"

namespace cf::kernels {

template <class T>
void batch_norm(Reference, const BatchNormStatistics<T>& args) {
  check(args);
  const M count = args.x.template extent<M>();
  for (const C c : range(args.mean.template extent<C>())) {
    Wide<T> sum = 0;
    for (const M m : range(count)) sum += args.x(m, c);
    const Wide<T> mean = sum / static_cast<Wide<T>>(count.value);
    Wide<T> squares = 0;
    for (const M m : range(count)) {
      const Wide<T> deviation = args.x(m, c) - mean;
      squares += deviation * deviation;
    }
    args.mean(c) = mean;
    args.variance(c) = squares / static_cast<Wide<T>>(count.value);
  }
}

template <class T>
void batch_norm(Reference, const BatchNormFold<T>& args) {
  check(args);
  for (const C c : range(args.mean.template extent<C>())) {
    const Wide<T> rstd = 1 / std::sqrt(args.variance(c) + static_cast<Wide<T>>(args.eps));
    const Wide<T> scale = args.gamma(c) * rstd;
    if (args.rstd) args.rstd(c) = rstd;
    args.scale(c) = scale;
    args.shift(c) = args.bias(c) - args.mean(c) * scale;
  }
}

template <class T>
void batch_norm(Reference place, const BatchNormTraining<T>& args) {
  check(args);
  detail::run_parts(place, args);
}

template <class T>
void batch_norm(Reference, const BatchNormApply<T>& args) {
  check(args);
  for (const M m : range(args.x.template extent<M>())) {
    for (const C c : range(args.x.template extent<C>())) {
      const Wide<T> h = args.scale(c) * static_cast<Wide<T>>(args.x(m, c)) + args.shift(c);
      args.y(m, c) = static_cast<T>(activate(args.activation, h));
    }
  }
}

template <class T>
void batch_norm(Reference, const BatchNormBackward<T>& args) {
  check(args);
  const M count = args.x.template extent<M>();
  for (const C c : range(args.x.template extent<C>())) {
    const Wide<T> mean = args.mean(c), rstd = args.rstd(c), gamma = args.gamma(c), bias = args.bias(c);
    const auto xhat = [&](M m) { return (args.x(m, c) - mean) * rstd; };
    const auto dy = [&](M m) -> Wide<T> {
      if (!args.kept) return args.dy(m, c);
      return static_cast<Wide<T>>(args.factor) * args.dy(detail::row_of_sum(args, m), c);
    };
    const auto dh = [&](M m) {
      return activation_gradient<Wide<T>>(args.activation, gamma * xhat(m) + bias, dy(m));
    };
    Wide<T> dgamma = 0, dbias = 0;
    for (const M m : range(count)) {
      dbias += dh(m);
      dgamma += dh(m) * xhat(m);
    }
    const auto n = static_cast<Wide<T>>(count.value);
    for (const M m : range(count)) {
      args.dx(m, c) = static_cast<T>(gamma * rstd * (dh(m) - dbias / n - xhat(m) * dgamma / n));
    }
    accumulate_into(args.dgamma(c), args.accumulate, dgamma);
    accumulate_into(args.dbias(c), args.accumulate, dbias);
  }
}

template <class T>
void batch_norm(Reference, const RunningUpdate<T>& args) {
  check(args);
  if (args.applies != nullptr && *args.applies == 0) return;
  const T momentum = args.momentum;
  for (const I i : range(args.batch.template extent<I>())) {
    args.running(i) = (1 - momentum) * args.running(i) + momentum * args.batch(i);
  }
}

#define CF_INSTANTIATE(T)                                             \
  template void batch_norm(Reference, const BatchNormStatistics<T>&); \
  template void batch_norm(Reference, const BatchNormFold<T>&);       \
  template void batch_norm(Reference, const BatchNormTraining<T>&);   \
  template void batch_norm(Reference, const BatchNormApply<T>&);      \
  template void batch_norm(Reference, const BatchNormBackward<T>&)

CF_INSTANTIATE(double);
CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

template void batch_norm(Reference, const RunningUpdate<double>&);
template void batch_norm(Reference, const RunningUpdate<float>&);

}  // namespace cf::kernels
