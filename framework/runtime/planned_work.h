// A fixed sequence of kernel calls over tensors whose memory is laid out before the first run: inference with
// a given network, batch and image size.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/runtime/captured_work.h"
#include "framework/runtime/executor.h"
#include "framework/runtime/memory_plan.h"

namespace cf {

class PlannedWork {
 public:
  using Value = int;  // names a tensor of the plan

  // The tensors of one run, whose axis N holds the samples of that run.
  class Tensors {
   public:
    Tensor operator[](Value value) const { return work_.tensor(value, samples_); }

   private:
    friend class PlannedWork;
    Tensors(const PlannedWork& work, std::int64_t samples) : work_(work), samples_(samples) {}
    const PlannedWork& work_;
    std::int64_t samples_;
  };

  // A temporary of a step alone is among what it reads and what it writes.
  struct Step {
    std::string name;
    std::vector<Value> reads, writes;
    std::function<void(const Tensors&)> run;
  };

  // A tensor of the plan; `shape` has the most samples that a run may have on its axis N, equally many for
  // all tensors. One that no step writes is an input, which no run changes; one that no step reads is a
  // result, which stands until the next run.
  Value add(DType dtype, const Shape& shape);
  // Steps run in the order they were added.
  void add(Step step) { steps_.push_back(std::move(step)); }

  const std::vector<Step>& steps() const { return steps_; }
  std::size_t bytes_of(Value value) const;

  // Bytes of the one block that holds all tensors, and of the tensors side by side.
  std::size_t planned_bytes() const { return layout().total_bytes; }
  std::size_t unplanned_bytes() const;

  // Takes the memory. Nothing may be added afterwards; `executor` must outlive this object.
  void prepare(Executor& executor);

  // A tensor after prepare().
  Tensor tensor(Value value, std::int64_t samples) const;

  // Gives the steps [first, last) to the executor.
  void run_steps(std::int64_t samples, std::size_t first, std::size_t last) const;

  // Runs everything, for all samples that fit: on a GPU as one graph, recorded at the first call (not with
  // CF_SYNC=1). Elsewhere for `samples` only.
  void run(std::int64_t samples);

 private:
  struct Planned {
    DType dtype;
    Shape shape;
  };

  MemoryPlan layout() const;

  std::vector<Planned> values_;
  std::vector<Step> steps_;
  std::vector<std::size_t> offsets_;
  Executor* executor_ = nullptr;
  Tensor memory_;
  std::unique_ptr<CapturedWork> graph_;  // reads memory_: goes first
};

}  // namespace cf
