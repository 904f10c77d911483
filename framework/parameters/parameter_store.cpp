#include "framework/parameters/parameter_store.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/base/philox.h"
#include "kernels/cast/cast.h"

namespace cf {

namespace {

constexpr std::int64_t kAlignmentElements = 32;  // 128 bytes of float32

std::int64_t aligned(std::int64_t elements) {
  return (elements + kAlignmentElements - 1) / kAlignmentElements * kAlignmentElements;
}

float truncated_normal(Philox& draw) {
  for (;;) {
    const float x = draw.normal();
    if (std::abs(x) <= 2.0F) return x;
  }
}

void fill(Executor& executor, const Tensor& out, const Initial& initial, Philox draw) {
  dispatch_floating(out.dtype(), [&]<class T>() {
    std::vector<T> values(static_cast<std::size_t>(out.size()));
    for (T& x : values) {
      x = initial.kind == Initial::Kind::Constant ? static_cast<T>(initial.value)
                                                  : static_cast<T>(initial.value * truncated_normal(draw));
    }
    executor.write(std::as_bytes(std::span(values)), out);
  });
}

template <class Handle>
std::int64_t position_of(const std::vector<Handle*>& handles, const Handle& handle) {
  const auto found = std::find(handles.begin(), handles.end(), &handle);
  CF_CHECK(found != handles.end(), handle.name, " is not of this store");
  return found - handles.begin();
}

}  // namespace

ParameterStore::ParameterStore(Executor& executor, std::vector<Parameter*> parameters,
                               std::vector<Statistic*> statistics, DType dtype)
    : executor_(executor), parameters_(std::move(parameters)), statistics_(std::move(statistics)) {
  std::set<std::string> names;
  for (const auto* p : parameters_)
    CF_CHECK(names.insert(p->name).second, "two parameters are named ", p->name);
  for (const auto* s : statistics_)
    CF_CHECK(names.insert(s->name).second, "two statistics are named ", s->name);

  std::int64_t end = 0;
  parameter_offsets_.resize(parameters_.size());
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    const Parameter& p = *parameters_[i];
    parameter_offsets_[i] = end;
    segments_.push_back({.offset = end,
                         .length = p.shape.size(),
                         .decay_scale = p.decays ? 1.0F : 0.0F,
                         .learning_rate_scale = 1.0F});
    end += aligned(p.shape.size());
  }
  values_ = executor.zeros(dtype, Shape(I{end}));
  gradients_ = executor.zeros(dtype, Shape(I{end}));

  end = 0;
  for (const auto* s : statistics_) {
    statistic_offsets_.push_back(end);
    end += aligned(s->shape.size());
  }
  running_ = executor.zeros(dtype, Shape(I{end}));
  batch_ = executor.zeros(dtype, Shape(I{end}));
  bind();
}

void ParameterStore::bind() {
  for (Parameter* p : parameters_) {
    p->value = part(values_, *p);
    p->gradient = part(gradients_, *p);
  }
  for (Statistic* s : statistics_) {
    s->value = part(running_, *s);
    s->batch = part(batch_, *s);
  }
}

void ParameterStore::initialise(std::uint64_t seed) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    fill(executor_, parameters_[i]->value, parameters_[i]->initial,
         Philox(seed, Purpose::Initialisation, 0, i));
  }
  for (Statistic* s : statistics_) {
    fill(executor_, s->value, {Initial::Kind::Constant, s->initial}, Philox(seed, Purpose::Initialisation));
  }
}

void ParameterStore::begin_step() {
  for (Parameter* p : parameters_) p->gradient_writes = 0;
  for (Statistic* s : statistics_) s->has_batch = false;
}

void ParameterStore::prepare_compute(DType dtype) {
  if (dtype == values_.dtype()) return;
  if (!compute_ || compute_.dtype() != dtype) {
    compute_ = executor_.empty(dtype, values_.shape());
    for (Parameter* p : parameters_) p->compute = part(compute_, *p);
  }
  executor_.at(dtype, [&]<class T>(auto place) {
    kernels::cast(place, kernels::Cast<T>{.x = values_.flat<const Wide<T>>(), .y = compute_.flat<T>()});
  });
}

std::int64_t ParameterStore::parameter_count() const {
  std::int64_t count = 0;
  for (const auto* p : parameters_) count += p->shape.size();
  return count;
}

Tensor ParameterStore::make_parameter_bucket() const {
  return executor_.zeros(values_.dtype(), values_.shape());
}

Tensor ParameterStore::make_statistic_bucket() const {
  return executor_.zeros(running_.dtype(), running_.shape());
}

Tensor ParameterStore::part(const Tensor& bucket, const Parameter& parameter) const {
  const auto i = static_cast<std::size_t>(position_of(parameters_, parameter));
  return bucket.slice(parameter_offsets_[i], parameter.shape);
}

Tensor ParameterStore::part(const Tensor& bucket, const Statistic& statistic) const {
  const auto i = static_cast<std::size_t>(position_of(statistics_, statistic));
  return bucket.slice(statistic_offsets_[i], statistic.shape);
}

void ParameterStore::swap_contents(Tensor& values, Tensor& running) {
  CF_CHECK(values.shape() == values_.shape() && running.shape() == running_.shape(),
           "buckets of another layout are swapped in");
  std::swap(values, values_);
  std::swap(running, running_);
  bind();
}

}  // namespace cf
