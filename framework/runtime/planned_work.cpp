#include "framework/runtime/planned_work.h"

#include <algorithm>

namespace cf {

PlannedWork::Value PlannedWork::add(DType dtype, const Shape& shape) {
  CF_CHECK(executor_ == nullptr, "a tensor ", shape.text(), " was added to a plan that has its memory");
  values_.push_back({dtype, shape});
  return static_cast<Value>(values_.size()) - 1;
}

std::size_t PlannedWork::bytes_of(Value value) const {
  const Planned& planned = values_.at(static_cast<std::size_t>(value));
  return static_cast<std::size_t>(planned.shape.size() * size_of(planned.dtype));
}

std::size_t PlannedWork::unplanned_bytes() const {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < values_.size(); ++i) sum += bytes_of(static_cast<Value>(i));
  return sum;
}

MemoryPlan PlannedWork::layout() const {
  const int end = static_cast<int>(steps_.size());
  std::vector<Lifetime> lives;
  for (std::size_t i = 0; i < values_.size(); ++i)
    lives.push_back({bytes_of(static_cast<Value>(i)), -1, end});
  std::vector<bool> written(values_.size());
  for (int at = 0; at < end; ++at) {
    const Step& step = steps_[static_cast<std::size_t>(at)];
    for (const Value value : step.writes) {
      const auto i = static_cast<std::size_t>(value);
      if (!written[i]) lives[i].first = at;
      written[i] = true;
    }
    for (const Value value : step.reads) {
      const auto i = static_cast<std::size_t>(value);
      if (written[i]) lives[i].last = at;
    }
  }
  return plan_memory(lives);
}

void PlannedWork::prepare(Executor& executor) {
  const MemoryPlan plan = layout();
  offsets_ = plan.offsets;
  memory_ = executor.empty(DType::UInt8, Shape(I{static_cast<std::int64_t>(plan.total_bytes)}));
  executor_ = &executor;
}

Tensor PlannedWork::tensor(Value value, std::int64_t samples) const {
  const auto i = static_cast<std::size_t>(value);
  const Planned& planned = values_.at(i);
  CF_CHECK(executor_ != nullptr, "a plan has no memory yet");
  CF_CHECK(samples <= planned.shape.extent<N>().value, "a plan for at most ", planned.shape.extent<N>().value,
           " samples is run with ", samples);
  return memory_.inside(offsets_[i], planned.dtype, planned.shape.with(N{samples}));
}

void PlannedWork::run_steps(std::int64_t samples, std::size_t first, std::size_t last) const {
  CF_CHECK(executor_ != nullptr, "a plan has no memory yet");
  const Tensors tensors(*this, samples);
  for (std::size_t i = first; i < last; ++i) {
    in_context([&] { return steps_[i].name; }, [&] { steps_[i].run(tensors); });
  }
}

void PlannedWork::run(std::int64_t samples) {
  CF_CHECK(executor_ != nullptr, "a plan has no memory yet");
  if (!CapturedWork::is_possible(*executor_)) return run_steps(samples, 0, steps_.size());
  if (!graph_) {
    const std::int64_t most = values_.front().shape.extent<N>().value;
    graph_ = std::make_unique<CapturedWork>(*executor_, [&] { run_steps(most, 0, steps_.size()); });
  }
  graph_->replay();
}

}  // namespace cf
