#include <cmath>

#include "kernels/optimizer_step/optimizer_step.h"
#include "kernels/optimizer_step/optimizer_step_check.h"
#include "kernels/optimizer_step/rules.h"

namespace cf::kernels {

namespace {

// Calls body(i, lr, decay) for every element of the segments, with the element's rates.
template <class T, class Args, class Body>
void for_each_element(const Args& args, const Body& body) {
  if (args.scalars->applies == 0) return;
  for (const Segment& segment : args.segments) {
    const T lr = static_cast<T>(args.scalars->learning_rate) * static_cast<T>(segment.learning_rate_scale);
    const T decay = static_cast<T>(args.weight_decay) * static_cast<T>(segment.decay_scale);
    for (I i{segment.offset}; i < I{segment.offset + segment.length}; ++i) body(i, lr, decay);
  }
}

}  // namespace

template <class T>
void optimizer_step(Reference, const SgdStep<T>& args) {
  check(args);
  const T gradient_scale = args.scalars->gradient_scale, momentum = args.momentum;
  for_each_element<T>(args, [&](I i, T lr, T decay) {
    sgd_update<T>(args.weights(i), gradient_scale * args.gradients(i), args.velocity(i), lr, decay, momentum,
                  args.nesterov);
  });
}

template <class T>
void optimizer_step(Reference, const AdamWStep<T>& args) {
  check(args);
  const T gradient_scale = args.scalars->gradient_scale;
  const AdamWConstants<T> constants{args.beta1, args.beta2, args.eps, args.scalars->adam_correction1,
                                    args.scalars->adam_correction2};
  for_each_element<T>(args, [&](I i, T lr, T decay) {
    adamw_update<T>(args.weights(i), gradient_scale * args.gradients(i), args.first_moment(i),
                    args.second_moment(i), lr, decay, constants);
  });
}

template <class T>
void optimizer_step(Reference, const RmspropStep<T>& args) {
  check(args);
  const T gradient_scale = args.scalars->gradient_scale;
  for_each_element<T>(args, [&](I i, T lr, T decay) {
    rmsprop_update<T>(args.weights(i), gradient_scale * args.gradients(i), args.second_moment(i),
                      args.velocity(i), lr, decay, args.alpha, args.momentum, args.eps);
  });
}

template <class T>
void optimizer_step(Reference, const EmaStep<T>& args) {
  check(args);
  if (args.scalars->applies == 0) return;
  const T decay = args.scalars->ema_decay;
  for (const I i : range(args.weights.template extent<I>())) {
    args.average(i) = decay * args.average(i) + (1 - decay) * args.weights(i);
  }
}

// Summed in double for float too: a model has millions of elements.
template <class T>
void optimizer_step(Reference, const GradientNorm<T>& args) {
  check(args);
  double squares = 0;
  for (const Segment& segment : args.segments) {
    for (I i{segment.offset}; i < I{segment.offset + segment.length}; ++i) {
      squares += double{args.gradients(i)} * double{args.gradients(i)};
    }
  }
  args.norm(I{0}) = static_cast<T>(std::sqrt(squares));
}

template <class T>
void optimizer_step(Reference, const DecideStep<T>& args) {
  check(args);
  bool losses_finite = true;
  for (const I i : range(args.losses.template extent<I>())) {
    losses_finite = losses_finite && is_finite(args.losses(i));
  }
  decide_step(args.norm(I{0}), losses_finite, args.share, args.scaling, *args.state, *args.scalars,
              args.loss_weight(I{0}));
}

template <class T>
void optimizer_step(Reference, const ClipGradients<T>& args) {
  check(args);
  const T gradient_scale = args.scalars->gradient_scale;
  const T factor = clip_factor<T>(args.norm(I{0}) * gradient_scale, args.max_norm);
  args.scalars->gradient_scale = static_cast<float>(gradient_scale * factor);
}

#define CF_INSTANTIATE(T)                                          \
  template void optimizer_step(Reference, const SgdStep<T>&);      \
  template void optimizer_step(Reference, const AdamWStep<T>&);    \
  template void optimizer_step(Reference, const RmspropStep<T>&);  \
  template void optimizer_step(Reference, const EmaStep<T>&);      \
  template void optimizer_step(Reference, const GradientNorm<T>&); \
  template void optimizer_step(Reference, const DecideStep<T>&);   \
  template void optimizer_step(Reference, const ClipGradients<T>&)

CF_INSTANTIATE(double);
CF_INSTANTIATE(float);

#undef CF_INSTANTIATE

}  // namespace cf::kernels
