#include <algorithm>
#include <cstring>

#include "kernels/all_cases.h"
#include "kernels/optimizer_step/optimizer_step.h"

namespace cf::kernels {

namespace {

struct Bucket {
  std::int64_t size;
  std::vector<Segment> segments;
  bool benchmark_only = false;

  std::string text() const { return concat(" I=", size, " segments=", segments.size()); }
};

constexpr StepScalars kScalars{.learning_rate = 0.1F,
                               .gradient_scale = 0.5F,
                               .adam_correction1 = 0.271F,
                               .adam_correction2 = 0.0297F,
                               .ema_decay = 0.99F};
constexpr std::int64_t kDepth = 8;  // an update rounds a few times

template <class Views>
std::span<const Segment> segments_of(const Bucket& bucket, const Views& t) {
  return t.constants(std::span<const Segment>(bucket.segments));
}

template <class Views>
const StepScalars* scalars_of(const Views& t) {
  return t.constants(std::span<const StepScalars>(&kScalars, 1)).data();
}

template <class Body>
Case in_both_types(Case result, const Bucket& bucket, Body body) {
  result.benchmark_only = bucket.benchmark_only;
  result.runs_in<double, float>(std::move(body));
  return result;
}

Case sgd(const Bucket& bucket, bool nesterov) {
  Case result(concat("optimizer_step/sgd", bucket.text(), nesterov ? " nesterov" : ""), kDepth);
  const auto weights = result.inout("weights", normal(0, 1), I{bucket.size});
  const auto gradients = result.input("gradients", normal(0, 1), I{bucket.size});
  const auto velocity = result.inout("velocity", normal(0, 1), I{bucket.size});
  return in_both_types(std::move(result), bucket, [=](auto place, const auto& t) {
    optimizer_step(place, SgdStep<ElementOf<decltype(t)>>{.weights = t(weights),
                                                          .gradients = t(gradients),
                                                          .velocity = t(velocity),
                                                          .segments = segments_of(bucket, t),
                                                          .scalars = scalars_of(t),
                                                          .momentum = 0.9F,
                                                          .weight_decay = 0.05F,
                                                          .nesterov = nesterov});
  });
}

Case adamw(const Bucket& bucket) {
  Case result(concat("optimizer_step/adamw", bucket.text()), kDepth);
  const auto weights = result.inout("weights", normal(0, 1), I{bucket.size});
  const auto gradients = result.input("gradients", normal(0, 1), I{bucket.size});
  const auto first_moment = result.inout("first_moment", normal(0, 1), I{bucket.size});
  const auto second_moment = result.inout("second_moment", uniform(0, 1), I{bucket.size});
  return in_both_types(std::move(result), bucket, [=](auto place, const auto& t) {
    optimizer_step(place, AdamWStep<ElementOf<decltype(t)>>{.weights = t(weights),
                                                            .gradients = t(gradients),
                                                            .first_moment = t(first_moment),
                                                            .second_moment = t(second_moment),
                                                            .segments = segments_of(bucket, t),
                                                            .scalars = scalars_of(t),
                                                            .beta1 = 0.9F,
                                                            .beta2 = 0.99F,
                                                            .eps = 1e-8F,
                                                            .weight_decay = 0.05F});
  });
}

Case rmsprop(const Bucket& bucket) {
  Case result(concat("optimizer_step/rmsprop", bucket.text()), kDepth);
  const auto weights = result.inout("weights", normal(0, 1), I{bucket.size});
  const auto gradients = result.input("gradients", normal(0, 1), I{bucket.size});
  const auto second_moment = result.inout("second_moment", uniform(0, 1), I{bucket.size});
  const auto velocity = result.inout("velocity", normal(0, 1), I{bucket.size});
  return in_both_types(std::move(result), bucket, [=](auto place, const auto& t) {
    optimizer_step(place, RmspropStep<ElementOf<decltype(t)>>{.weights = t(weights),
                                                              .gradients = t(gradients),
                                                              .second_moment = t(second_moment),
                                                              .velocity = t(velocity),
                                                              .segments = segments_of(bucket, t),
                                                              .scalars = scalars_of(t),
                                                              .alpha = 0.9F,
                                                              .momentum = 0.9F,
                                                              .eps = 1e-3F,
                                                              .weight_decay = 0.05F});
  });
}

Case ema(const Bucket& bucket) {
  Case result(concat("optimizer_step/ema", bucket.text()), kDepth);
  const auto weights = result.input("weights", normal(0, 1), I{bucket.size});
  const auto average = result.inout("average", normal(0, 1), I{bucket.size});
  return in_both_types(std::move(result), bucket, [=](auto place, const auto& t) {
    optimizer_step(place, EmaStep<ElementOf<decltype(t)>>{
                              .weights = t(weights), .average = t(average), .scalars = scalars_of(t)});
  });
}

Case gradient_norm(const Bucket& bucket) {
  Case result(concat("optimizer_step/gradient_norm", bucket.text()), 1);
  const auto gradients = result.input("gradients", normal(0, 1), I{bucket.size});
  const auto norm = result.output("norm", I{1});
  return in_both_types(std::move(result), bucket, [=](auto place, const auto& t) {
    optimizer_step(place, t.with_workspace(
                              place, GradientNorm<ElementOf<decltype(t)>>{.gradients = t(gradients),
                                                                          .segments = segments_of(bucket, t),
                                                                          .norm = t(norm)}));
  });
}

// The floats of a struct.
template <class Struct>
Draw floats_of(const Struct& values) {
  return [values](Philox&, std::span<double> out) {
    float floats[sizeof(Struct) / sizeof(float)];
    std::memcpy(floats, &values, sizeof values);
    std::copy(std::begin(floats), std::end(floats), out.begin());
  };
}

constexpr I kStateFloats{sizeof(StepState) / sizeof(float)},
    kScalarFloats{sizeof(StepScalars) / sizeof(float)};

Case decide(const char* what, const StepState& before, const LossScaling& scaling) {
  Case result(concat("optimizer_step/decide ", what), 1);
  const auto norm = result.input("norm", uniform(1, 2), I{1});
  const auto losses = result.input("losses", uniform(1, 2), I{3});
  const auto state = result.inout<Element::Float32>("state", floats_of(before), kStateFloats);
  const auto scalars = result.inout<Element::Float32>("scalars", floats_of(kScalars), kScalarFloats);
  const auto weight = result.output("loss_weight", I{1});
  result.runs_in<double, float>([=](auto place, const auto& t) {
    optimizer_step(place, DecideStep<ElementOf<decltype(t)>>{
                              .norm = t(norm),
                              .losses = t(losses),
                              .share = 0.25F,
                              .scaling = scaling,
                              .state = reinterpret_cast<StepState*>(t(state).data()),
                              .scalars = reinterpret_cast<StepScalars*>(t(scalars).data()),
                              .loss_weight = t(weight)});
  });
  return result;
}

Case clip(float max_norm) {
  Case result(concat("optimizer_step/clip max_norm=", max_norm), 1);
  const auto norm = result.input("norm", uniform(10, 20), I{1});
  const auto scalars = result.inout<Element::Float32>("scalars", floats_of(kScalars), kScalarFloats);
  result.runs_in<double, float>([=](auto place, const auto& t) {
    optimizer_step(place, ClipGradients<ElementOf<decltype(t)>>{
                              .norm = t(norm),
                              .max_norm = max_norm,
                              .scalars = reinterpret_cast<StepScalars*>(t(scalars).data())});
  });
  return result;
}

}  // namespace

std::vector<Case> optimizer_step_cases() {
  const Bucket buckets[] = {
      {.size = 1, .segments = {{0, 1, 1, 1}}},
      {.size = 96, .segments = {{0, 37, 1, 1}, {64, 7, 0, 0.1F}}},
      {.size = 30'016, .segments = {{0, 4097, 1, 1}, {4128, 20'000, 0.5F, 2}, {24'160, 5001, 0, 1}}},
      {.size = 1 << 20, .segments = {{0, 1 << 20, 1, 1}}, .benchmark_only = true},
      // As many as ConvFirstNet-Small has.
      {.size = 17'584'384, .segments = {{0, 17'584'384, 1, 1}}, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Bucket& bucket : buckets) {
    cases.push_back(sgd(bucket, false));
    cases.push_back(sgd(bucket, true));
    cases.push_back(adamw(bucket));
    cases.push_back(rmsprop(bucket));
    cases.push_back(ema(bucket));
    cases.push_back(gradient_norm(bucket));
  }
  cases.push_back(decide("scale stays", {}, {}));
  cases.push_back(decide("failed before", {.failed = 1}, {}));
  cases.push_back(decide("scale counts", {.loss_scale = 1024, .good_steps = 5}, {.moves = true}));
  cases.push_back(decide("scale grows", {.loss_scale = 1024, .good_steps = 1999}, {.moves = true}));
  cases.push_back(clip(3));
  cases.push_back(clip(300));
  return cases;
}

}  // namespace cf::kernels
