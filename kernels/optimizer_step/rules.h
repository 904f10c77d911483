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

}  // namespace cf::kernels
