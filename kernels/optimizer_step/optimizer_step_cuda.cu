// A thread takes four neighbouring elements of the bucket and looks their segment up once.
#include "kernels/base/elementwise.cuh"
#include "kernels/optimizer_step/optimizer_step.h"
#include "kernels/optimizer_step/optimizer_step_check.h"
#include "kernels/optimizer_step/rules.h"
#include "kernels/optimizer_step/segment_rates.cuh"

namespace cf::kernels {

namespace {

// What a rule updates and reads: the weights, their gradients and the rule's state.
template <int kStates>
struct Bucket {
  float* weights;
  const float* gradients;
  float* states[kStates];
};

// The rates of one element.
struct Rates {
  float learning_rate, decay;
};

struct SgdRule {
  static constexpr int kStates = 1;
  float momentum, weight_decay;
  bool nesterov;

  __device__ void operator()(float& weight, float gradient, float (&states)[kStates], const Rates& rates,
                             const StepScalars&) const {
    sgd_update(weight, gradient, states[0], rates.learning_rate, rates.decay, momentum, nesterov);
  }
};

struct AdamWRule {
  static constexpr int kStates = 2;
  float beta1, beta2, eps, weight_decay;

  __device__ void operator()(float& weight, float gradient, float (&states)[kStates], const Rates& rates,
                             const StepScalars& scalars) const {
    const AdamWConstants<float> constants{beta1, beta2, eps, scalars.adam_correction1,
                                          scalars.adam_correction2};
    adamw_update(weight, gradient, states[0], states[1], rates.learning_rate, rates.decay, constants);
  }
};

struct RmspropRule {
  static constexpr int kStates = 2;
  float alpha, momentum, eps, weight_decay;

  __device__ void operator()(float& weight, float gradient, float (&states)[kStates], const Rates& rates,
                             const StepScalars&) const {
    rmsprop_update(weight, gradient, states[0], states[1], rates.learning_rate, rates.decay, alpha, momentum,
                   eps);
  }
};

// Updates the `count` elements from `first`, which have the same rates.
template <int count, class Rule>
__device__ void update_elements(const Rule& rule, const Bucket<Rule::kStates>& bucket, std::int64_t first,
                                const Rates& rates, const StepScalars& scalars) {
  auto weights = load_pack<float, count>(bucket.weights + first);
  const auto gradients = load_pack<float, count>(bucket.gradients + first);
  Pack<float, count> states[Rule::kStates];
#pragma unroll
  for (int s = 0; s < Rule::kStates; ++s) states[s] = load_pack<float, count>(bucket.states[s] + first);
#pragma unroll
  for (int j = 0; j < count; ++j) {
    float own[Rule::kStates];
#pragma unroll
    for (int s = 0; s < Rule::kStates; ++s) own[s] = states[s].value[j];
    rule(weights.value[j], scalars.gradient_scale * gradients.value[j], own, rates, scalars);
#pragma unroll
    for (int s = 0; s < Rule::kStates; ++s) states[s].value[j] = own[s];
  }
  store_pack(bucket.weights + first, weights);
#pragma unroll
  for (int s = 0; s < Rule::kStates; ++s) store_pack(bucket.states[s] + first, states[s]);
}

template <class Rule, int n>
__global__ void update_kernel(Rule rule, Bucket<Rule::kStates> bucket, SegmentTable table,
                              const StepScalars* step, std::int64_t size) {
  const StepScalars scalars = *step;
  if (scalars.applies == 0) return;
  for_each_pack_of_thread<n>(size, [&]<int kElements>(std::int64_t i) {
    table.visit<kElements>(i, [&]<int count>(std::int64_t first, const Segment& segment) {
      const Rates rates{scalars.learning_rate * segment.learning_rate_scale,
                        rule.weight_decay * segment.decay_scale};
      update_elements<count>(rule, bucket, first, rates, scalars);
    });
  });
}

template <class Args, class Rule>
void update(std::string_view name, Cuda place, const Args& args, const Rule& rule,
            const Bucket<Rule::kStates>& bucket) {
  const std::int64_t size = args.weights.size();
  const auto run = [&]<int n> {
    launch(name, update_kernel<Rule, n>, flat_shape(size, n), place, rule, bucket,
           SegmentTable(args.segments), args.scalars, size);
  };
  dispatch_pack<float>(0, run, bucket.weights, bucket.gradients, bucket.states[0],
                       bucket.states[Rule::kStates - 1]);
}

template <int n>
__global__ void ema_kernel(const float* weights, float* average, const StepScalars* step, std::int64_t size) {
  if (step->applies == 0) return;
  const float decay = step->ema_decay;
  for_each_pack_of_thread<n>(size, [&]<int count>(std::int64_t first) {
    const auto added = load_pack<float, count>(weights + first);
    auto averages = load_pack<float, count>(average + first);
#pragma unroll
    for (int j = 0; j < count; ++j) {
      averages.value[j] = decay * averages.value[j] + (1 - decay) * added.value[j];
    }
    store_pack(average + first, averages);
  });
}

}  // namespace

template <class T>
void optimizer_step(Cuda place, const SgdStep<T>& args) {
  check_extents(args);
  update("sgd_step", place, args, SgdRule{args.momentum, args.weight_decay, args.nesterov},
         {args.weights.data(), args.gradients.data(), {args.velocity.data()}});
}

template <class T>
void optimizer_step(Cuda place, const AdamWStep<T>& args) {
  check_extents(args);
  update("adamw_step", place, args, AdamWRule{args.beta1, args.beta2, args.eps, args.weight_decay},
         {args.weights.data(), args.gradients.data(), {args.first_moment.data(), args.second_moment.data()}});
}

template <class T>
void optimizer_step(Cuda place, const RmspropStep<T>& args) {
  check_extents(args);
  update("rmsprop_step", place, args, RmspropRule{args.alpha, args.momentum, args.eps, args.weight_decay},
         {args.weights.data(), args.gradients.data(), {args.second_moment.data(), args.velocity.data()}});
}

template <class T>
void optimizer_step(Cuda place, const EmaStep<T>& args) {
  check(args);
  const std::int64_t size = args.weights.size();
  const auto run = [&]<int n> {
    launch("ema_step", ema_kernel<n>, flat_shape(size, n), place, args.weights.data(), args.average.data(),
           args.scalars, size);
  };
  dispatch_pack<float>(0, run, args.weights.data(), args.average.data());
}

template void optimizer_step(Cuda, const SgdStep<float>&);
template void optimizer_step(Cuda, const AdamWStep<float>&);
template void optimizer_step(Cuda, const RmspropStep<float>&);
template void optimizer_step(Cuda, const EmaStep<float>&);

}  // namespace cf::kernels
