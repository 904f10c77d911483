#include "apps/train/train_step.h"

#include <algorithm>
#include <cmath>

#include "apps/images/loader_options.h"
#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "kernels/accuracy/accuracy.h"

namespace cf::apps {

namespace {

bool all_finite(Executor& executor, const Tensor& tensor) {
  const auto values = executor.floats(tensor);
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

std::int64_t count_correct(Executor& executor, const Tensor& logits, const Tensor& labels) {
  const Tensor rank = executor.empty(DType::Int64, labels.shape());
  executor.at(logits.dtype(), [&]<class T>(auto place) {
    kernels::accuracy(place, kernels::LabelRank<T>{.logits = logits.renamed<const T, N, K>(),
                                                   .labels = labels.view<const std::int64_t, N>(),
                                                   .rank = rank.view<std::int64_t, N>()});
  });
  const auto ranks = executor.values<std::int64_t>(rank);
  return std::count(ranks.begin(), ranks.end(), 0);
}

}  // namespace

void require_finite(Executor& executor, const ParameterStore& store, const std::string& where) {
  const auto check = [&](const auto& handle) {
    CF_CHECK_AS(ErrorKind::Numeric, all_finite(executor, handle.value), where, ": ", handle.name,
                " holds a number that is not finite; a lower learning rate or clip_norm may help");
  };
  for (const Parameter* p : store.parameters()) check(*p);
  for (const Statistic* s : store.statistics()) check(*s);
}

TrainStep::TrainStep(Executor& executor, layers::ConvFirstNet& net, ParameterStore& store,
                     optim::Optimizer& optimizer, const Config& config)
    : executor_(executor),
      net_(net),
      store_(store),
      optimizer_(optimizer),
      normalization_(normalization_of(config)),
      loss_kind_(config.loss.kind == "bce" ? kernels::LossKind::BinaryCrossEntropy
                                           : kernels::LossKind::CrossEntropy),
      smoothing_(static_cast<float>(config.loss.smoothing)),
      seed_(static_cast<std::uint64_t>(config.seed)),
      micro_batch_size_(config.train.norm_batch),
      micro_batches_(config.train.batch / config.train.norm_batch) {}

StepResult TrainStep::run(const data::Batch& batch, std::int64_t step, double learning_rate) {
  CF_CHECK(batch.size() == micro_batch_size_ * micro_batches_, "a batch of ", batch.size(),
           " images, must be ", micro_batch_size_ * micro_batches_);
  StepResult result;
  store_.begin_step();
  store_.prepare_compute(executor_.compute_type());
  for (std::int64_t i = 0; i < micro_batches_; ++i) {
    result.loss += run_micro_batch(batch, step, i, result) / static_cast<double>(micro_batches_);
    if (!std::isfinite(result.loss)) fail_not_finite(batch, step, result);
  }
  result.gradient_norm = optimizer_.step(step + 1, learning_rate);
  if (!std::isfinite(result.gradient_norm)) fail_not_finite(batch, step, result);
  return result;
}

double TrainStep::run_micro_batch(const data::Batch& batch, std::int64_t step, std::int64_t micro_batch,
                                  StepResult& result) {
  Pass pass(executor_, pass_options(step, micro_batch));
  const std::int64_t first = micro_batch * micro_batch_size_;
  const Target target = target_of(batch, first);
  const Variable logits = net_(input_of(batch, first), pass);
  const Variable loss = classification_loss(pass, logits, loss_kind_, target);
  result.correct += count_correct(executor_, logits.tensor(pass), target.labels);
  const double value = static_cast<double>(executor_.values<float>(loss.tensor(pass)).front());
  const float share = pass.options().micro_batch_share;
  pass.backward(loss, executor_.place<float>({&share, 1}, Shape(I{1})));
  return value;
}

PassOptions TrainStep::pass_options(std::int64_t step, std::int64_t micro_batch) const {
  return {.training = true,
          .seed = seed_,
          .draw = static_cast<std::uint64_t>(step * micro_batches_ + micro_batch),
          .micro_batch_share = 1.0F / static_cast<float>(micro_batches_)};
}

Target TrainStep::target_of(const data::Batch& batch, std::int64_t first) {
  const auto labels =
      std::span(batch.labels)
          .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(micro_batch_size_));
  return {.labels = executor_.place<std::int64_t>(labels, Shape(N{micro_batch_size_})),
          .soft_targets = {},
          .smoothing = smoothing_};
}

Variable TrainStep::input_of(const data::Batch& batch, std::int64_t first) {
  const std::int64_t image_bytes = std::int64_t{batch.height} * batch.width * batch.channels;
  const View<const std::uint8_t, N, H, W, C> images(batch.images.data() + first * image_bytes,
                                                    N{micro_batch_size_}, H{batch.height}, W{batch.width},
                                                    C{batch.channels});
  return Variable(normalize_image(executor_, images, normalization_, executor_.compute_type()));
}

// The step is run again with every output looked at; it draws the same random numbers.
void TrainStep::fail_not_finite(const data::Batch& batch, std::int64_t step, const StepResult& result) {
  const std::string where = concat("step ", step, " (epoch ", batch.epoch, ", batch ", batch.index, ")");
  require_finite(executor_, store_, where);
  store_.begin_step();
  for (std::int64_t i = 0; i < micro_batches_; ++i) {
    Pass pass(executor_, pass_options(step, i));
    pass.set_inspector([&](std::string_view op, std::string_view parameter, const Tensor& output) {
      CF_CHECK_AS(ErrorKind::Numeric, !is_floating(output.dtype()) || all_finite(executor_, output), where,
                  ": the output ", output.shape().text(), " of ", op, parameter.empty() ? "" : " with ",
                  parameter, " is the first that is not finite; a lower learning rate or clip_norm may help");
    });
    const Target target = target_of(batch, i * micro_batch_size_);
    classification_loss(pass, net_(input_of(batch, i * micro_batch_size_), pass), loss_kind_, target);
  }
  // Forward is finite: look for the gradient that backward completed first.
  for (auto p = store_.parameters().rbegin(); p != store_.parameters().rend(); ++p) {
    CF_CHECK_AS(ErrorKind::Numeric, all_finite(executor_, (*p)->gradient), where, ": the gradient of ",
                (*p)->name, " is the first that is not finite; a lower learning rate or clip_norm may help");
  }
  fail(ErrorKind::Numeric, where, ": loss ", result.loss, ", gradient norm ", result.gradient_norm,
       "; every single tensor is finite");
}

}  // namespace cf::apps
