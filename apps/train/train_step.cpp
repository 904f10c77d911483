#include "apps/train/train_step.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "apps/train/training_plan.h"
#include "framework/autograd/pass.h"
#include "framework/ops/classification_loss.h"
#include "kernels/accuracy/accuracy.h"

namespace cf::apps {

namespace {

bool all_finite(Executor& executor, const Tensor& tensor) {
  const auto values = executor.floats(tensor);
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

template <class T>
std::span<const T> elements(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

// Where there are several ranks.
std::optional<StepReduction> reduction_of(ParameterStore& store, Communicator& ranks,
                                          std::vector<Tensor> gathered, const Config& config) {
  require_equal_shares(config, ranks.world());
  if (ranks.world() == 1) return std::nullopt;
  const DType wire = config.precision.wire == "bf16" ? DType::BFloat16 : DType::Float32;
  return std::make_optional<StepReduction>(store, ranks, std::move(gathered), wire);
}

// The text of the first rank that has one, on all ranks; cut where it is long.
std::string first_text(const std::string& own, Communicator& ranks) {
  constexpr std::size_t kLongest = 1024;
  std::vector<char> texts(kLongest * static_cast<std::size_t>(ranks.world()));
  own.copy(texts.data() + kLongest * static_cast<std::size_t>(ranks.rank()), kLongest - 1);
  ranks.all_gather(std::as_writable_bytes(std::span(texts)));
  for (std::size_t at = 0; at < texts.size(); at += kLongest) {
    if (texts[at] != 0) return &texts[at];
  }
  return {};
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
                     optim::Optimizer& optimizer, const Config& config, Communicator& ranks)
    : executor_(executor),
      net_(net),
      store_(store),
      optimizer_(optimizer),
      loss_kind_(config.loss.kind == "bce" ? kernels::LossKind::BinaryCrossEntropy
                                           : kernels::LossKind::CrossEntropy),
      seed_(static_cast<std::uint64_t>(config.seed)),
      micro_batch_size_(config.train.norm_batch),
      micro_batches_(config.train.batch / config.train.norm_batch),
      ranks_of_run_(ranks),
      own_micro_batches_(micro_batches_ / ranks.world()),
      first_micro_batch_(own_micro_batches_ * ranks.rank()),
      losses_(executor.empty(DType::Float32, Shape(I{micro_batches_}))),
      label_ranks_(executor.empty(DType::Int64, Shape(N{micro_batches_ * micro_batch_size_}))),
      reduction_(reduction_of(store, ranks, {losses_, label_ranks_}, config)),
      outputs_(executor, outputs_of_step()),
      batch_inputs_(executor, config, first_micro_batch_) {}

std::vector<Tensor> TrainStep::outputs_of_step() const {
  std::vector<Tensor> outputs{losses_, label_ranks_, optimizer_.step_state()};
  if (reduction_ && reduction_->times() != nullptr) outputs.push_back(*reduction_->times());
  return outputs;
}

std::size_t TrainStep::most_in_flight() const {
  return CapturedWork::is_possible(executor_) ? StepInputs::kInFlight : 1;
}

std::optional<MemoryUse> TrainStep::prepare(int height, int width) {
  CF_CHECK(submitted_.empty(), "a step is prepared while ", submitted_.size(), " are in flight");
  batch_inputs_.set_image_size({height, width});
  if (!CapturedWork::is_possible(executor_)) return std::nullopt;
  graph_.reset();  // its memory first
  inputs_ = std::make_unique<StepInputs>(executor_);
  store_.prepare_compute(executor_.compute_type());  // takes the memory of the copies, which others read too
  graph_ = std::make_unique<CapturedWork>(executor_, [this] { compute(0, inputs_.get()); });
  return graph_->memory();
}

std::int64_t TrainStep::peak_bytes() const {
  return executor_.pool().use().peak_bytes + (graph_ ? graph_->memory().peak_bytes : 0);
}

void TrainStep::submit(data::Batch batch, std::int64_t step, double learning_rate) {
  CF_CHECK(batch.size() == micro_batch_size_ * own_micro_batches_, "a batch of ", batch.size(),
           " images, must be ", micro_batch_size_ * own_micro_batches_);
  const data::ImageSize size = batch_inputs_.image_size();
  CF_CHECK(
      batch.height == size.height && batch.width == size.width && batch.channels == batch_inputs_.channels(),
      "a batch of ", batch.height, "x", batch.width, "x", batch.channels, " images, prepared for ",
      size.height, "x", size.width, "x", batch_inputs_.channels());
  CF_CHECK(in_flight() < most_in_flight(), in_flight(), " steps are in flight already");
  current_ = &submitted_.emplace_back(Submitted{std::move(batch), step, learning_rate});
  batch_inputs_.set_batch(current_->batch);
  const double in_collectives = seconds_in_collectives();
  if (graph_) {
    inputs_->send(step);
    graph_->replay();
  } else {
    compute(step, nullptr);
  }
  submitted_.back().in_collectives = seconds_in_collectives() - in_collectives;
  outputs_.send();
}

StepResult TrainStep::finish(data::Batch& batch) {
  CF_CHECK(!submitted_.empty(), "no step is in flight");
  const StepResult result = read_result();
  if (!std::isfinite(result.loss) || (!result.left_out && !std::isfinite(result.gradient_norm))) {
    fail_not_finite(submitted_.front(), result);
  }
  batch = std::move(submitted_.front().batch);
  submitted_.pop_front();
  return result;
}

StepResult TrainStep::run(const data::Batch& batch, std::int64_t step, double learning_rate) {
  if (batch_inputs_.image_size() != data::ImageSize{batch.height, batch.width}) {
    prepare(batch.height, batch.width);
  }
  submit(batch, step, learning_rate);
  data::Batch done;
  return finish(done);
}

StepResult TrainStep::read_result() {
  std::vector<std::span<const std::byte>> outputs;
  ranks_of_run_.wait_for_gpu([&] { outputs = outputs_.wait(); });
  const auto losses = elements<float>(outputs[0]);
  const auto ranks = elements<std::int64_t>(outputs[1]);
  const auto& state = elements<kernels::StepState>(outputs[2]).front();
  StepResult result{.correct = std::count(ranks.begin(), ranks.end(), 0),
                    .gradient_norm = static_cast<double>(state.gradient_norm),
                    .loss_scale = static_cast<double>(state.loss_scale)};
  for (const float loss : losses)
    result.loss += static_cast<double>(loss) / static_cast<double>(losses.size());
  if (reduction_) result.communication = communication_of(outputs);
  result.left_out = optimizer_.scales_loss() && state.failed == 0 && !std::isfinite(result.gradient_norm);
  return result;
}

// Of the oldest step. Between CPU ranks nothing of a sum is hidden.
CommunicationTimes TrainStep::communication_of(const std::vector<std::span<const std::byte>>& outputs) const {
  if (reduction_->times() != nullptr) return CommunicationClock::read(elements<std::int64_t>(outputs.back()));
  const double seconds = submitted_.front().in_collectives;
  return {.sums = seconds, .waited = seconds};
}

// All that the device does in a step. What changes from step to step comes from inputs.
void TrainStep::compute(std::int64_t step, StepInputs* inputs) {
  const auto fill_scalars = [this](std::int64_t number, std::span<std::byte> bytes) {
    const kernels::StepScalars values = optimizer_.scalars(number + 1, current_->learning_rate);
    std::memcpy(bytes.data(), &values, sizeof values);
  };
  const Tensor scalars =
      step_input(executor_, inputs, DType::UInt8, Shape(I{sizeof(kernels::StepScalars)}), step, fill_scalars);
  store_.begin_step();
  store_.prepare_compute(executor_.compute_type());
  for (std::int64_t i = 0; i < own_micro_batches_; ++i) compute_micro_batch(pass_options(step, i, inputs));
  if (reduction_) reduction_->finish(static_cast<int>(own_micro_batches_));
  optimizer_.update(scalars, losses_);
}

void TrainStep::compute_micro_batch(const PassOptions& options) {
  Pass pass(executor_, options);
  const Target target = batch_inputs_.target(pass);
  const Variable logits = net_(batch_inputs_.images(pass), pass);
  const Variable loss = classification_loss(pass, logits, loss_kind_, target);
  executor_.copy(loss.tensor(pass), losses_.slice(options.micro_batch, Shape(I{1})));

  const Tensor& scores = logits.tensor(pass);
  const Tensor labels = batch_inputs_.main_labels(pass, target);
  const Tensor ranks =
      label_ranks_.slice(options.micro_batch * micro_batch_size_, Shape(N{micro_batch_size_}));
  executor_.at(scores.dtype(), [&]<class T>(auto place) {
    kernels::accuracy(place, kernels::LabelRank<T>{.logits = scores.renamed<const T, N, K>(),
                                                   .labels = labels.view<const std::int64_t, N>(),
                                                   .rank = ranks.view<std::int64_t, N>()});
  });
  const bool is_last = options.micro_batch + 1 == first_micro_batch_ + own_micro_batches_;
  if (reduction_ && is_last) {
    reduction_->begin();
    pass.set_backward_observer([this] { reduction_->advance(static_cast<int>(own_micro_batches_)); });
  }
  pass.backward(loss, optimizer_.loss_weight());
}

// Of the micro-batch `own` of this rank's.
PassOptions TrainStep::pass_options(std::int64_t step, std::int64_t own, StepInputs* inputs) const {
  return {.training = true,
          .seed = seed_,
          .step = step,
          .micro_batch = first_micro_batch_ + own,
          .micro_batches = micro_batches_,
          .inputs = inputs};
}

// Every rank looks at its own part of the step; the first that finds something tells all.
void TrainStep::fail_not_finite(const Submitted& failed, const StepResult& result) {
  const std::string where =
      concat("step ", failed.step, " (epoch ", failed.batch.epoch, ", batch ", failed.batch.index, ")");
  std::string found;
  try {
    look_for_not_finite(failed, where);
  } catch (const Error& error) {
    if (ranks_of_run_.world() == 1 || error.kind() != ErrorKind::Numeric) throw;
    found = concat("on rank ", ranks_of_run_.rank(), ": ", error.what());
  }
  const std::string first = first_text(found, ranks_of_run_);
  CF_CHECK_AS(ErrorKind::Numeric, first.empty(), first);
  fail(ErrorKind::Numeric, where, ": loss ", result.loss, ", gradient norm ", result.gradient_norm,
       "; every single tensor is finite");
}

// The step is run again with every output looked at; it draws the same random numbers.
void TrainStep::look_for_not_finite(const Submitted& failed, const std::string& where) {
  ranks_of_run_.wait_for_gpu([this] { executor_.synchronize(); });
  graph_.reset();  // the memory of the step is needed to look at it
  current_ = &failed;
  batch_inputs_.set_batch(failed.batch);
  require_finite(executor_, store_, where);
  store_.begin_step();
  store_.prepare_compute(executor_.compute_type());
  for (std::int64_t i = 0; i < own_micro_batches_; ++i) {
    Pass pass(executor_, pass_options(failed.step, i, nullptr));
    pass.set_inspector([&](std::string_view op, std::string_view parameter, const Tensor& output) {
      CF_CHECK_AS(ErrorKind::Numeric, !is_floating(output.dtype()) || all_finite(executor_, output), where,
                  ": the output ", output.shape().text(), " of ", op, parameter.empty() ? "" : " with ",
                  parameter, " is the first that is not finite; a lower learning rate or clip_norm may help");
    });
    const Target target = batch_inputs_.target(pass);
    const Variable logits = net_(batch_inputs_.images(pass), pass);
    const Variable loss = classification_loss(pass, logits, loss_kind_, target);
    pass.set_inspector({});
    pass.backward(loss, optimizer_.loss_weight());
  }
  // Forward is finite: look for the gradient that backward completed first.
  for (auto p = store_.parameters().rbegin(); p != store_.parameters().rend(); ++p) {
    CF_CHECK_AS(ErrorKind::Numeric, all_finite(executor_, (*p)->gradient), where, ": the gradient of ",
                (*p)->name, " is the first that is not finite; a lower learning rate or clip_norm may help");
  }
}

}  // namespace cf::apps
