#include "framework/parallel/step_reduction.h"

#include <algorithm>
#include <utility>

#include "kernels/cast/cast.h"

namespace cf {

StepReduction::StepReduction(ParameterStore& store, Communicator& ranks, std::vector<Tensor> gathered,
                             DType wire, std::int64_t part_bytes)
    : store_(store), ranks_(ranks), gathered_(std::move(gathered)) {
  Executor& executor = store.executor();
  const bool is_narrow = wire != store.gradients().dtype();
  CF_CHECK_AS(ErrorKind::Usage, !is_narrow || executor.stream(), "gradients go between CPU ranks as ",
              name_of(store.gradients().dtype()), ", not as ", name_of(wire));
  const auto& segments = store.segments();
  const std::int64_t size = store.gradients().size();
  const std::int64_t least = part_bytes / size_of(store.gradients().dtype());
  Part part;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    part.parameters.push_back(store.parameters()[segments.size() - 1 - i]);
    const std::int64_t end = i + 1 < segments.size() ? segments[i + 1].offset : size;
    if (end - begin < least && end < size) continue;
    part.gradients = store.gradients().slice(begin, Shape(I{end - begin}));
    if (is_narrow) part.wire = executor.empty(wire, part.gradients.shape());
    parts_.push_back(std::exchange(part, {}));
    begin = end;
  }
  if (!executor.stream()) return;
  stream_ = std::make_unique<GpuStream>(executor.pool().device().index);
  ready_ = std::make_unique<GpuEvent>();
  done_ = std::make_unique<GpuEvent>();
  clock_.emplace(executor, 1 + parts_.size());
}

void StepReduction::follow_executor() {
  if (!stream_) return;
  ready_->record(*store_.executor().stream());
  stream_->wait(*ready_);
}

template <class Collectives>
void StepReduction::communicate(Collectives collectives) {
  follow_executor();
  if (clock_) clock_->begin_collective(*stream_);
  collectives(stream_.get());
  if (clock_) clock_->end_collective(*stream_);
}

void StepReduction::begin() {
  given_ = 0;
  if (clock_) clock_->begin_step();
  communicate([this](const GpuStream* stream) {
    ranks_.sum_over_ranks(store_.batch(), stream);
    for (const Tensor& tensor : gathered_) ranks_.gather_from_ranks(tensor, stream);
  });
}

void StepReduction::advance(int writes_of_step) {
  const auto is_complete = [&](const Part& part) {
    return std::all_of(part.parameters.begin(), part.parameters.end(),
                       [&](const Parameter* p) { return p->gradient_writes == writes_of_step; });
  };
  while (given_ < parts_.size() && is_complete(parts_[given_])) {
    send(parts_[given_++]);
  }
}

void StepReduction::send(const Part& part) {
  if (part.wire) {
    store_.executor().at(part.wire.dtype(), [&]<class T>(auto place) {
      kernels::cast(place,
                    kernels::Cast<T>{.x = part.gradients.flat<const Wide<T>>(), .y = part.wire.flat<T>()});
    });
  }
  communicate([&](const GpuStream* stream) {
    ranks_.sum_over_ranks(part.wire ? part.wire : part.gradients, stream);
  });
}

void StepReduction::finish(int writes_of_step) {
  advance(writes_of_step);
  // A gradient that was written again after it went out would be caught here too.
  for (const Parameter* p : store_.parameters()) {
    CF_CHECK(p->gradient_writes == writes_of_step, "the gradient of ", p->name, " was written ",
             p->gradient_writes, " times in a step, must be ", writes_of_step);
  }
  if (!stream_) return;
  clock_->end_computing(*store_.executor().stream());
  done_->record(*stream_);
  store_.executor().stream()->wait(*done_);
  for (const Part& part : parts_) {
    if (!part.wire) continue;
    store_.executor().at(part.wire.dtype(), [&]<class T>(auto place) {
      kernels::cast(place,
                    kernels::Widen<T>{.x = part.wire.flat<const T>(), .y = part.gradients.flat<Wide<T>>()});
    });
  }
}

}  // namespace cf
