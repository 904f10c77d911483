#include "optim/optimizer.h"

#include <cmath>

#include "kernels/batch_norm/batch_norm.h"

namespace cf::optim {

namespace {

constexpr auto call = [](auto place, const auto& args) { kernels::optimizer_step(place, args); };

constexpr float kFirstLossScale = 65536;

Tensor place_bytes(Executor& executor, std::span<const std::byte> bytes) {
  Tensor out = executor.empty(DType::UInt8, Shape(I{static_cast<std::int64_t>(bytes.size())}));
  executor.write(bytes, out);
  return out;
}

// Optimizer state and averages are float beside float, double beside double.
template <class Body>
void at_master_type(Executor& executor, DType dtype, Body&& body) {
  executor.at(dtype, [&]<class T>(auto place) {
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
      body.template operator()<T>(place);
    } else {
      fail(ErrorKind::Internal, "parameters of ", name_of(dtype), ", must be float32 or float64");
    }
  });
}

}  // namespace

std::vector<std::string> state_names(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::Sgd:
      return {"velocity"};
    case OptimizerKind::AdamW:
      return {"first_moment", "second_moment"};
    case OptimizerKind::Rmsprop:
      return {"second_moment", "velocity"};
  }
  return {};
}

Optimizer::Optimizer(Executor& executor, ParameterStore& store, const OptimizerOptions& options)
    : executor_(executor),
      store_(store),
      options_(options),
      step_state_(executor.empty(DType::UInt8, Shape(I{sizeof(kernels::StepState)}))),
      segments_(place_bytes(executor, std::as_bytes(std::span(store.segments())))),
      loss_weight_(executor.empty(store.dtype(), Shape(I{1}))) {
  write_step_state({.loss_scale = options.scales_loss ? kFirstLossScale : 1});
  for (const auto& name : state_names(options.kind)) state_.emplace_back(name, store.make_parameter_bucket());
  if (averages()) {
    average_values_ = store.make_parameter_bucket();
    average_running_ = store.make_statistic_bucket();
    start_average();
  }
}

void Optimizer::start_average() {
  executor_.copy(store_.values(), average_values_);
  executor_.copy(store_.running(), average_running_);
}

kernels::StepScalars Optimizer::scalars(std::int64_t step, double learning_rate) const {
  return {.learning_rate = static_cast<float>(learning_rate),
          .gradient_scale = 1.0F,
          .adam_correction1 = static_cast<float>(1.0 - std::pow(options_.beta1, static_cast<double>(step))),
          .adam_correction2 = static_cast<float>(1.0 - std::pow(options_.beta2, static_cast<double>(step))),
          .ema_decay = options_.ema_decay};
}

kernels::StepState Optimizer::read_step_state() const {
  kernels::StepState state;
  executor_.read(step_state_, std::as_writable_bytes(std::span(&state, 1)));
  return state;
}

void Optimizer::write_step_state(const kernels::StepState& state) {
  executor_.write(std::as_bytes(std::span(&state, 1)), step_state_);
  const double weight = static_cast<double>(state.loss_scale) / static_cast<double>(options_.micro_batches);
  if (store_.dtype() == DType::Float64)
    return executor_.write(std::as_bytes(std::span(&weight, 1)), loss_weight_);
  const auto narrow = static_cast<float>(weight);
  executor_.write(std::as_bytes(std::span(&narrow, 1)), loss_weight_);
}

double Optimizer::step(std::int64_t step, double learning_rate) {
  const kernels::StepScalars values = scalars(step, learning_rate);
  const Tensor placed = place_bytes(executor_, std::as_bytes(std::span(&values, 1)));
  update(placed, {});
  return static_cast<double>(read_step_state().gradient_norm);
}

void Optimizer::update(const Tensor& scalars, const Tensor& losses) {
  for (const Parameter* p : store_.parameters())
    CF_CHECK(p->gradient_writes > 0, "no gradient for ", p->name);
  CF_CHECK(scalars.size_bytes() == sizeof(kernels::StepScalars), "scalars of a step have ",
           scalars.size_bytes(), " bytes, must be ", sizeof(kernels::StepScalars));
  auto* values = static_cast<kernels::StepScalars*>(scalars.data());
  decide(losses, values);
  apply_rule(values);
  update_running(values);
  if (averages()) update_average(values);
}

std::span<const kernels::Segment> Optimizer::segments() const {
  return {static_cast<const kernels::Segment*>(segments_.data()), store_.segments().size()};
}

void Optimizer::decide(const Tensor& losses, kernels::StepScalars* scalars) {
  at_master_type(executor_, store_.dtype(), [&]<class T>(auto place) {
    const Tensor norm = executor_.empty(kDType<T>, Shape(I{1}));
    executor_.with_workspace(place,
                             kernels::GradientNorm<T>{.gradients = store_.gradients().flat<const T>(),
                                                      .segments = segments(),
                                                      .norm = norm.view<T, I>(),
                                                      .workspace = {}},
                             call);
    kernels::optimizer_step(
        place, kernels::DecideStep<T>{.norm = norm.view<const T, I>(),
                                      .losses = losses ? losses.view<const T, I>() : View<const T, I>{},
                                      .share = 1.0F / static_cast<float>(options_.micro_batches),
                                      .scaling = {.moves = options_.scales_loss},
                                      .state = static_cast<kernels::StepState*>(step_state_.data()),
                                      .scalars = scalars,
                                      .loss_weight = loss_weight_.view<T, I>()});
    if (options_.clip_norm > 0) {
      kernels::optimizer_step(
          place, kernels::ClipGradients<T>{
                     .norm = norm.view<const T, I>(), .max_norm = options_.clip_norm, .scalars = scalars});
    }
  });
}

void Optimizer::apply_rule(const kernels::StepScalars* scalars) {
  at_master_type(executor_, store_.dtype(), [&]<class T>(auto place) {
    const auto weights = store_.values().flat<T>();
    const auto gradients = store_.gradients().flat<const T>();
    const auto state = [&](std::size_t i) { return state_[i].second.template flat<T>(); };
    switch (options_.kind) {
      case OptimizerKind::Sgd:
        return kernels::optimizer_step(place, kernels::SgdStep<T>{.weights = weights,
                                                                  .gradients = gradients,
                                                                  .velocity = state(0),
                                                                  .segments = segments(),
                                                                  .scalars = scalars,
                                                                  .momentum = options_.momentum,
                                                                  .weight_decay = options_.weight_decay,
                                                                  .nesterov = options_.nesterov});
      case OptimizerKind::AdamW:
        return kernels::optimizer_step(place, kernels::AdamWStep<T>{.weights = weights,
                                                                    .gradients = gradients,
                                                                    .first_moment = state(0),
                                                                    .second_moment = state(1),
                                                                    .segments = segments(),
                                                                    .scalars = scalars,
                                                                    .beta1 = options_.beta1,
                                                                    .beta2 = options_.beta2,
                                                                    .eps = options_.eps,
                                                                    .weight_decay = options_.weight_decay});
      case OptimizerKind::Rmsprop:
        return kernels::optimizer_step(place, kernels::RmspropStep<T>{.weights = weights,
                                                                      .gradients = gradients,
                                                                      .second_moment = state(0),
                                                                      .velocity = state(1),
                                                                      .segments = segments(),
                                                                      .scalars = scalars,
                                                                      .alpha = options_.alpha,
                                                                      .momentum = options_.momentum,
                                                                      .eps = options_.eps,
                                                                      .weight_decay = options_.weight_decay});
    }
  });
}

void Optimizer::update_running(const kernels::StepScalars* scalars) {
  at_master_type(executor_, store_.dtype(), [&]<class T>(auto place) {
    kernels::batch_norm(place, kernels::RunningUpdate<T>{.batch = store_.batch().flat<const T>(),
                                                         .running = store_.running().flat<T>(),
                                                         .applies = &scalars->applies});
  });
}

void Optimizer::update_average(const kernels::StepScalars* scalars) {
  at_master_type(executor_, store_.dtype(), [&]<class T>(auto place) {
    const auto average = [&](const Tensor& from, const Tensor& into) {
      kernels::optimizer_step(
          place, kernels::EmaStep<T>{
                     .weights = from.flat<const T>(), .average = into.flat<T>(), .scalars = scalars});
    };
    average(store_.values(), average_values_);
    average(store_.running(), average_running_);
  });
}

}  // namespace cf::optim
