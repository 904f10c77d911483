#include "framework/runtime/step_inputs.h"

#include <cstring>

namespace cf {

Tensor StepInputs::add(DType dtype, const Shape& shape, InputFill fill) {
  CF_CHECK(slots_.empty(), "an input of a step was added after the first was sent");
  const Tensor tensor = Tensor::empty(*pool_, dtype, shape);
  inputs_.push_back({tensor, std::move(fill), bytes_});
  bytes_ += MemoryPool::padded(tensor.size_bytes());
  return tensor;
}

void StepInputs::send(std::int64_t step) {
  while (slots_.size() < kInFlight) {
    slots_.push_back({allocate_page_locked(bytes_), pool_->allocate(bytes_), {}, {}});
    slots_.back().taken.record(*executor_.stream());  // who had the memory before is done with it
  }
  Slot& slot = slots_[next_];
  next_ = (next_ + 1) % kInFlight;

  slot.arrived.synchronize();  // the host memory is free again
  for (const Input& input : inputs_) {
    input.fill(step, {slot.host.get() + input.offset, input.tensor.size_bytes()});
  }
  copies_.wait(slot.taken);
  copies_.start_copy_from_host(slot.device.get(), slot.host.get(), bytes_);
  slot.arrived.record(copies_);

  const GpuStream& stream = *executor_.stream();
  stream.wait(slot.arrived);
  for (const Input& input : inputs_) {
    stream.copy(input.tensor.data(), slot.device.get() + input.offset, input.tensor.size_bytes());
  }
  slot.taken.record(stream);
}

Tensor step_input(Executor& executor, StepInputs* inputs, DType dtype, const Shape& shape, std::int64_t step,
                  InputFill fill) {
  if (inputs != nullptr) return inputs->add(dtype, shape, std::move(fill));
  Tensor tensor = executor.empty(dtype, shape);
  if (tensor.device().kind == DeviceKind::Host) {
    fill(step, tensor.bytes());
  } else {
    std::vector<std::byte> bytes(tensor.size_bytes());
    fill(step, bytes);
    executor.write(bytes, tensor);
  }
  return tensor;
}

StepOutputs::StepOutputs(Executor& executor, std::vector<Tensor> tensors)
    : executor_(executor), tensors_(std::move(tensors)), slots_(StepInputs::kInFlight) {
  for (Slot& slot : slots_) {
    for (const Tensor& tensor : tensors_) {
      slot.memory.push_back(executor.stream() ? allocate_page_locked(tensor.size_bytes())
                                              : host_pool().allocate(tensor.size_bytes()));
    }
    if (executor.stream()) slot.arrived.emplace_back();
  }
}

void StepOutputs::send() {
  CF_CHECK(sent_ - waited_ < slots_.size(), "the outputs of ", sent_ - waited_,
           " steps were not waited for, at most ", slots_.size(), " can be");
  Slot& slot = slots_[sent_++ % slots_.size()];
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (const GpuStream* stream = executor_.stream()) {
      stream->start_copy_to_host(slot.memory[i].get(), tensors_[i].data(), tensors_[i].size_bytes());
    } else {
      std::memcpy(slot.memory[i].get(), tensors_[i].data(), tensors_[i].size_bytes());
    }
  }
  for (GpuEvent& event : slot.arrived) event.record(*executor_.stream());
}

std::vector<std::span<const std::byte>> StepOutputs::wait() {
  CF_CHECK(waited_ < sent_, "no outputs of a step are on their way");
  const Slot& slot = slots_[waited_++ % slots_.size()];
  for (const GpuEvent& event : slot.arrived) event.synchronize();
  std::vector<std::span<const std::byte>> out;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    out.emplace_back(slot.memory[i].get(), tensors_[i].size_bytes());
  }
  return out;
}

}  // namespace cf
