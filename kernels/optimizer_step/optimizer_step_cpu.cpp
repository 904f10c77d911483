#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "kernels/base/parallel.h"
#include "kernels/optimizer_step/optimizer_step.h"
#include "kernels/optimizer_step/optimizer_step_check.h"
#include "kernels/optimizer_step/rules.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kGrain = 4096;  // elements
constexpr double kNanoseconds = 1;     // per element

int norm_slices(const GradientNorm<float>& args) { return sum_slices(args.gradients.size(), kGrain); }

// Splits the bucket over the threads. body(first, last, segment) on the part of each segment in a thread's
// range.
template <class Body>
void for_each_part(Cpu place, std::span<const Segment> segments, std::int64_t bucket, const Body& body) {
  parallel(place, bucket, kGrain, kNanoseconds, [&](std::int64_t thread_first, std::int64_t thread_last) {
    for (const Segment& segment : segments) {
      const std::int64_t first = std::max(thread_first, segment.offset);
      const std::int64_t last = std::min(thread_last, segment.offset + segment.length);
      if (first < last) body(first, last, segment);
    }
  });
}

float learning_rate(const StepScalars& scalars, const Segment& segment) {
  return scalars.learning_rate * segment.learning_rate_scale;
}

// The loops stand alone, with pointers that are restrict and constants by value, or they would not vectorise.

void adamw_range(float* __restrict__ weights, const float* __restrict__ gradients,
                 float* __restrict__ first_moment, float* __restrict__ second_moment, std::int64_t count,
                 float gradient_scale, float lr, float decay, const AdamWConstants<float> constants) {
  for (std::int64_t i = 0; i < count; ++i) {
    adamw_update(weights[i], gradient_scale * gradients[i], first_moment[i], second_moment[i], lr, decay,
                 constants);
  }
}

void rmsprop_range(float* __restrict__ weights, const float* __restrict__ gradients,
                   float* __restrict__ second_moment, float* __restrict__ velocity, std::int64_t count,
                   float gradient_scale, float lr, float decay, float alpha, float momentum, float eps) {
  for (std::int64_t i = 0; i < count; ++i) {
    rmsprop_update(weights[i], gradient_scale * gradients[i], second_moment[i], velocity[i], lr, decay, alpha,
                   momentum, eps);
  }
}

// Sum of the squares of [first, last), in double.
double sum_of_squares(const float* x, std::int64_t first, std::int64_t last) {
  constexpr std::int64_t kLanes = 16;
  std::array<double, kLanes> sums{};
  std::int64_t i = first;
  for (; i + kLanes <= last; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = x[i + static_cast<std::int64_t>(lane)];
      sums[lane] += value * value;
    }
  }
  for (; i < last; ++i) sums[0] += double{x[i]} * double{x[i]};
  double sum = 0;
  for (const double s : sums) sum += s;
  return sum;
}

}  // namespace

void optimizer_step(Cpu place, const SgdStep<float>& args) {
  check(args);
  const StepScalars scalars = *args.scalars;
  if (scalars.applies == 0) return;
  float* __restrict__ weights = args.weights.data();
  const float* __restrict__ gradients = args.gradients.data();
  float* __restrict__ velocity = args.velocity.data();
  const float momentum = args.momentum;
  const bool nesterov = args.nesterov;
  for_each_part(place, args.segments, args.weights.size(),
                [&](std::int64_t first, std::int64_t last, const Segment& segment) {
                  const float lr = learning_rate(scalars, segment);
                  const float decay = args.weight_decay * segment.decay_scale;
                  for (std::int64_t i = first; i < last; ++i) {
                    sgd_update(weights[i], scalars.gradient_scale * gradients[i], velocity[i], lr, decay,
                               momentum, nesterov);
                  }
                });
}

void optimizer_step(Cpu place, const AdamWStep<float>& args) {
  check(args);
  const StepScalars scalars = *args.scalars;
  if (scalars.applies == 0) return;
  const AdamWConstants<float> constants{args.beta1, args.beta2, args.eps, scalars.adam_correction1,
                                        scalars.adam_correction2};
  for_each_part(place, args.segments, args.weights.size(),
                [&](std::int64_t first, std::int64_t last, const Segment& segment) {
                  adamw_range(args.weights.data() + first, args.gradients.data() + first,
                              args.first_moment.data() + first, args.second_moment.data() + first,
                              last - first, scalars.gradient_scale, learning_rate(scalars, segment),
                              args.weight_decay * segment.decay_scale, constants);
                });
}

void optimizer_step(Cpu place, const RmspropStep<float>& args) {
  check(args);
  const StepScalars scalars = *args.scalars;
  if (scalars.applies == 0) return;
  for_each_part(place, args.segments, args.weights.size(),
                [&](std::int64_t first, std::int64_t last, const Segment& segment) {
                  rmsprop_range(args.weights.data() + first, args.gradients.data() + first,
                                args.second_moment.data() + first, args.velocity.data() + first, last - first,
                                scalars.gradient_scale, learning_rate(scalars, segment),
                                args.weight_decay * segment.decay_scale, args.alpha, args.momentum, args.eps);
                });
}

void optimizer_step(Cpu place, const EmaStep<float>& args) {
  check(args);
  if (args.scalars->applies == 0) return;
  const float decay = args.scalars->ema_decay;
  const float* __restrict__ weights = args.weights.data();
  float* __restrict__ average = args.average.data();
  parallel(place, args.weights.size(), kGrain, kNanoseconds, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) average[i] = decay * average[i] + (1 - decay) * weights[i];
  });
}

void optimizer_step(Cpu place, const GradientNorm<float>& args) {
  check(args);
  const int slices = norm_slices(args);
  double* partial =
      workspace_as<double>("optimizer_step: gradient norm", args.workspace, static_cast<std::size_t>(slices));
  parallel_slices(place, args.gradients.size(), slices, kNanoseconds,
                  [&](int slice, std::int64_t slice_first, std::int64_t slice_last) {
                    partial[slice] = 0;
                    for (const Segment& segment : args.segments) {
                      partial[slice] +=
                          sum_of_squares(args.gradients.data(), std::max(slice_first, segment.offset),
                                         std::min(slice_last, segment.offset + segment.length));
                    }
                  });
  const double squares = std::accumulate(partial, partial + slices, 0.0);
  args.norm(I{0}) = static_cast<float>(std::sqrt(squares));
}

void optimizer_step(Cpu, const DecideStep<float>& args) { optimizer_step(Reference{}, args); }

void optimizer_step(Cpu, const ClipGradients<float>& args) { optimizer_step(Reference{}, args); }

std::size_t workspace_bytes(Cpu, const GradientNorm<float>& args) {
  return static_cast<std::size_t>(norm_slices(args)) * sizeof(double);
}

}  // namespace cf::kernels
