// What a step reads that the host knows and that changes from step to step: images, labels, random choices,
// the learning rate.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "framework/runtime/executor.h"
#include "framework/runtime/gpu_graph.h"

namespace cf {

// Writes the bytes of an input for step number `step`.
using InputFill = std::function<void(std::int64_t step, std::span<std::byte> bytes)>;

// The inputs of recorded work: declared while it is recorded, and sent before each replay. The bytes go
// through page-locked memory and a stream of their own, beside the computation of the step before.
class StepInputs {
 public:
  // How many steps can be on their way at once.
  static constexpr std::size_t kInFlight = 2;

  // The inputs lie in the executor's own memory, not in that of the work that is being recorded: they are
  // written before it begins, and no earlier part of it may use their place.
  explicit StepInputs(Executor& executor)
      : executor_(executor),
        pool_(executor.pool().shared_from_this()),
        copies_(executor.pool().device().index) {}

  // A tensor that holds the input of a step once send(step) was called. Not after the first send.
  Tensor add(DType dtype, const Shape& shape, InputFill fill);

  // Writes all inputs of step `step`, in the order of the executor's work. Returns before they have arrived;
  // waits where kInFlight steps are on their way.
  void send(std::int64_t step);

 private:
  struct Input {
    Tensor tensor;
    InputFill fill;
    std::size_t offset;
  };
  // The inputs of one step, one behind the other.
  struct Slot {
    std::shared_ptr<std::byte> host, device;
    GpuEvent arrived, taken;
  };

  Executor& executor_;
  std::shared_ptr<MemoryPool> pool_;
  std::vector<Input> inputs_;
  std::size_t bytes_ = 0;
  std::vector<Slot> slots_;
  std::size_t next_ = 0;
  GpuStream copies_;  // the last member: it is waited for before the memory goes
};

// An input of a step: declared to `inputs`, or where that is null filled for `step` and copied right now.
Tensor step_input(Executor& executor, StepInputs* inputs, DType dtype, const Shape& shape, std::int64_t step,
                  InputFill fill);

// What the host wants to know of a step: tensors copied to page-locked memory behind the step.
class StepOutputs {
 public:
  StepOutputs(Executor& executor, std::vector<Tensor> tensors);

  // Copies the tensors behind all work given so far. Returns before they have arrived; at most
  // StepInputs::kInFlight copies may be waited for.
  void send();

  // Waits for the oldest copy that was not waited for yet: the bytes of each tensor, valid until the next
  // send.
  std::vector<std::span<const std::byte>> wait();

 private:
  struct Slot {
    std::vector<std::shared_ptr<std::byte>> memory;
    std::vector<GpuEvent> arrived;  // one on a GPU, none elsewhere
  };

  Executor& executor_;
  std::vector<Tensor> tensors_;
  std::vector<Slot> slots_;
  std::size_t sent_ = 0, waited_ = 0;
};

}  // namespace cf
