#include "apps/train/training_plan.h"

#include <algorithm>

namespace cf::apps {

namespace {

optim::ScheduleKind schedule_kind(const std::string& name) {
  if (name == "linear") return optim::ScheduleKind::Linear;
  if (name == "step") return optim::ScheduleKind::Step;
  if (name == "constant") return optim::ScheduleKind::Constant;
  return optim::ScheduleKind::Cosine;
}

optim::OptimizerKind optimizer_kind(const std::string& name) {
  if (name == "adamw") return optim::OptimizerKind::AdamW;
  if (name == "rmsprop") return optim::OptimizerKind::Rmsprop;
  return optim::OptimizerKind::Sgd;
}

}  // namespace

TrainingPlan plan_training(const Config& config, std::int64_t training_images) {
  CF_CHECK_AS(ErrorKind::Usage, config.train.batch <= training_images, "train.batch is ", config.train.batch,
              ", larger than the training data of ", training_images, " images");
  TrainingPlan plan;
  plan.steps_per_epoch = training_images / config.train.batch;
  const auto in_steps = [&](const Duration& d) { return d.steps(plan.steps_per_epoch); };
  plan.total_steps = in_steps(config.train.duration);
  CF_CHECK_AS(ErrorKind::Usage, plan.total_steps > 0, "train.duration is ", config.train.duration.text(),
              ", less than one step; an epoch has ", plan.steps_per_epoch, " steps");
  plan.eval_steps = std::max<std::int64_t>(1, in_steps(config.eval.every));
  if (config.checkpoint.every.unit == Duration::Unit::Seconds) {
    plan.save_seconds = config.checkpoint.every.value;
  } else {
    plan.save_steps = std::max<std::int64_t>(1, in_steps(config.checkpoint.every));
  }
  plan.schedule = {.kind = schedule_kind(config.schedule.kind),
                   .peak = config.optimizer.lr,
                   .min = config.schedule.min_lr,
                   .warmup_steps = in_steps(config.schedule.warmup),
                   .total_steps = plan.total_steps,
                   .step_at = {},
                   .step_factor = config.schedule.factor};
  for (const auto& boundary : config.schedule.boundaries) plan.schedule.step_at.push_back(in_steps(boundary));
  return plan;
}

void require_equal_shares(const Config& config, int ranks) {
  const int micro_batches = config.train.batch / config.train.norm_batch;
  CF_CHECK_AS(ErrorKind::Usage, micro_batches >= ranks && micro_batches % ranks == 0, "train.batch is ",
              config.train.batch, " and train.norm_batch ", config.train.norm_batch, ", which makes ",
              micro_batches, micro_batches == 1 ? " micro-batch" : " micro-batches", " a step: ", ranks,
              " ranks cannot take equally many");
}

optim::OptimizerOptions optimizer_options(const Config& config) {
  const OptimizerConfig& o = config.optimizer;
  return {.kind = optimizer_kind(o.kind),
          .weight_decay = static_cast<float>(o.weight_decay),
          .momentum = static_cast<float>(o.momentum),
          .nesterov = o.nesterov,
          .beta1 = static_cast<float>(o.betas[0]),
          .beta2 = static_cast<float>(o.betas[1]),
          .alpha = static_cast<float>(o.alpha),
          .eps = static_cast<float>(o.eps),
          .clip_norm = static_cast<float>(o.clip_norm),
          .ema_decay = static_cast<float>(config.ema.decay),
          .micro_batches = config.train.batch / config.train.norm_batch,
          .scales_loss = config.precision.compute == "fp16"};
}

}  // namespace cf::apps
