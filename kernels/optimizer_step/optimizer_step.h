// Optimizer rules over a flat bucket of parameters: one call for the whole model. PyTorch's definitions.
//
//   g      = gradient_scale gradient
//   SGD    g += decay w;  v = momentum v + g;  w -= lr (nesterov ? g + momentum v : v)
//   AdamW  w -= lr decay w;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;
//          w -= lr (m / correction1) / (sqrt(v / correction2) + eps)
//          (Loshchilov and Hutter, 2019)
//   RMSprop  g += decay w;  v = alpha v + (1-alpha) g^2;  b = momentum b + g / (sqrt(v) + eps);  w -= lr b
//   EMA    average = ema_decay average + (1 - ema_decay) w
//   norm   sqrt(sum g^2) over the bucket;  clip: gradient_scale *= min(1, max_norm / (norm + 1e-6))
//
// lr and decay of an element are the step's times its segment's. State starts at zero.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

// A parameter's place in the bucket. Elements between segments are padding and stay as they are. A table of
// segments lives in the memory of the place.
struct Segment {
  std::int64_t offset, length;  // in elements
  float decay_scale;            // 0 for norms and biases, 1 otherwise
  float learning_rate_scale;
};

// What changes from step to step; lives in the memory of the place, so that a captured step reads it anew.
// Where applies is 0 no rule changes anything.
struct StepScalars {
  float learning_rate;
  float gradient_scale;                      // 1 / loss scale; clipping multiplies it
  float adam_correction1, adam_correction2;  // 1 - beta^step
  float ema_decay;
  float applies = 1;  // 0 or 1
};

// What is decided about a step where it is computed, without asking the host; lives as long as the training,
// in the memory of the place.
struct StepState {
  float loss_scale = 1;  // the loss is multiplied by it before backward
  float good_steps = 0;  // in a row since the loss scale last changed
  float left_out = 0;    // steps since the start of training that were not applied, for the loss scale's sake
  float failed = 0;      // 0 or 1: a step was not finite, and none was applied since
  float gradient_norm = 0;  // of the last step, before clipping, of the loss itself
};

// How the loss scale of float16 moves (Micikevicius et al., 2018): a step whose gradients are not finite is
// left out and halves it; after growth_steps good ones in a row it doubles.
struct LossScaling {
  bool moves = false;  // false: the scale stays as it is
  float growth_steps = 2000;
  float most = 16777216;  // 2^24
};

template <class T>
struct SgdStep {
  View<T, I> weights;  // updated
  View<const T, I> gradients;
  View<T, I> velocity;  // updated
  std::span<const Segment> segments;
  const StepScalars* scalars;
  float momentum, weight_decay;
  bool nesterov;
};

template <class T>
struct AdamWStep {
  View<T, I> weights;  // updated
  View<const T, I> gradients;
  View<T, I> first_moment, second_moment;  // updated
  std::span<const Segment> segments;
  const StepScalars* scalars;
  float beta1, beta2, eps, weight_decay;
};

template <class T>
struct RmspropStep {
  View<T, I> weights;  // updated
  View<const T, I> gradients;
  View<T, I> second_moment, velocity;  // updated
  std::span<const Segment> segments;
  const StepScalars* scalars;
  float alpha, momentum, eps, weight_decay;
};

template <class T>
struct EmaStep {
  View<const T, I> weights;
  View<T, I> average;  // updated
  const StepScalars* scalars;
};

template <class T>
struct GradientNorm {
  View<const T, I> gradients;
  std::span<const Segment> segments;
  View<T, I> norm;  // one element, overwritten
  Workspace workspace;
};

// Decides whether a step is applied, and moves the loss scale:
//
//   finite: norm and all losses are          applies = finite and not failed
//   not finite, the loss scale moves, is above 1, and the losses are finite: left out
//   not finite otherwise: failed stays set until the caller clears it
template <class T>
struct DecideStep {
  View<const T, I> norm;    // one element, of the gradients times the loss scale
  View<const T, I> losses;  // of the micro-batches
  float share;              // 1 / micro-batches
  LossScaling scaling;
  StepState* state;        // updated
  StepScalars* scalars;    // applies is overwritten, gradient_scale is divided by the loss scale
  View<T, I> loss_weight;  // one element: share times the next step's loss scale
};

template <class T>
struct ClipGradients {
  View<const T, I> norm;  // one element, of the unscaled gradients
  float max_norm;
  StepScalars* scalars;  // gradient_scale updated; norm is taken times gradient_scale
};

template <class T>
void optimizer_step(Reference, const SgdStep<T>&);
template <class T>
void optimizer_step(Reference, const AdamWStep<T>&);
template <class T>
void optimizer_step(Reference, const RmspropStep<T>&);
template <class T>
void optimizer_step(Reference, const EmaStep<T>&);
template <class T>
void optimizer_step(Reference, const GradientNorm<T>&);
template <class T>
void optimizer_step(Reference, const DecideStep<T>&);
template <class T>
void optimizer_step(Reference, const ClipGradients<T>&);

void optimizer_step(Cpu, const SgdStep<float>&);
void optimizer_step(Cpu, const AdamWStep<float>&);
void optimizer_step(Cpu, const RmspropStep<float>&);
void optimizer_step(Cpu, const EmaStep<float>&);
void optimizer_step(Cpu, const GradientNorm<float>&);
void optimizer_step(Cpu, const DecideStep<float>&);
void optimizer_step(Cpu, const ClipGradients<float>&);

std::size_t workspace_bytes(Cpu, const GradientNorm<float>&);

// Float. The segments, like the scalars, are in device memory: that they lie in the bucket, ascending and
// disjoint, is the caller's to ensure.
template <class T>
void optimizer_step(Cuda, const SgdStep<T>&);
template <class T>
void optimizer_step(Cuda, const AdamWStep<T>&);
template <class T>
void optimizer_step(Cuda, const RmspropStep<T>&);
template <class T>
void optimizer_step(Cuda, const EmaStep<T>&);
template <class T>
void optimizer_step(Cuda, const GradientNorm<T>&);
template <class T>
void optimizer_step(Cuda, const DecideStep<T>&);
template <class T>
void optimizer_step(Cuda, const ClipGradients<T>&);

template <class T>
std::size_t workspace_bytes(Cuda, const GradientNorm<T>&);

}  // namespace cf::kernels
