// The update rules on one element: one text for all places. `lr` and `decay` are the element's own.
#pragma once

#include <cmath>

#include "kernels/base/axes.h"
#include "kernels/optimizer_step/optimizer_step.h"

namespace cf::kernels {

template <class T>
CF_HOST_DEVICE inline void sgd_update(T& weight, T gradient, T& velocity, T lr, T decay, T momentum,
                                      bool nesterov) {
  gradient += decay * weight;
  velocity = momentum * velocity + gradient;
  weight -= lr * (nesterov ? gradient + momentum * velocity : velocity);
}

template <class T>
struct AdamWConstants {
  T beta1, beta2, eps, correction1, correction2;
};

template <class T>
CF_HOST_DEVICE inline void adamw_update(T& weight, T gradient, T& first_moment, T& second_moment, T lr,
                                        T decay, const AdamWConstants<T>& a) {
  first_moment = a.beta1 * first_moment + (1 - a.beta1) * gradient;
  second_moment = a.beta2 * second_moment + (1 - a.beta2) * gradient * gradient;
  weight -= lr * decay * weight;
  weight -= lr * (first_moment / a.correction1) / (std::sqrt(second_moment / a.correction2) + a.eps);
}

template <class T>
CF_HOST_DEVICE inline void rmsprop_update(T& weight, T gradient, T& second_moment, T& velocity, T lr, T decay,
                                          T alpha, T momentum, T eps) {
  gradient += decay * weight;
  second_moment = alpha * second_moment + (1 - alpha) * gradient * gradient;
  velocity = momentum * velocity + gradient / (std::sqrt(second_moment) + eps);
  weight -= lr * velocity;
}

// The factor of the gradients that brings their norm down to max_norm. A norm that is NaN or infinite is not
// hidden: the factor is NaN or 0 (and 0 times an infinite gradient is NaN).
template <class T>
CF_HOST_DEVICE inline T clip_factor(T norm, T max_norm) {
  const T factor = max_norm / (norm + static_cast<T>(1e-6));
  return factor > 1 ? T{1} : factor;
}

// x - x is NaN for infinities and NaN, 0 for all else.
template <class T>
CF_HOST_DEVICE inline bool is_finite(T x) {
  return x - x == 0;
}

template <class T>
CF_HOST_DEVICE inline void decide_step(T norm, bool losses_finite, float share, const LossScaling& scaling,
                                       StepState& state, StepScalars& scalars, T& loss_weight) {
  const float scale = state.loss_scale;
  const bool finite = is_finite(norm) && losses_finite;
  scalars.gradient_scale /= scale;
  state.gradient_norm = static_cast<float>(norm / static_cast<T>(scale));
  if (!finite && scaling.moves && losses_finite && scale > 1) {
    state.loss_scale = scale / 2;
    state.good_steps = 0;
    state.left_out += 1;
  } else if (!finite) {
    state.failed = 1;
  } else if (scaling.moves && ++state.good_steps >= scaling.growth_steps) {
    state.loss_scale = scale * 2 < scaling.most ? scale * 2 : scaling.most;
    state.good_steps = 0;
  }
  scalars.applies = finite && state.failed == 0 ? 1.0F : 0.0F;
  loss_weight = static_cast<T>(share) * static_cast<T>(state.loss_scale);
}

}  // namespace cf::kernels
