// Work of an executor that is recorded once and replayed: a training step as one CUDA graph.
#pragma once

#include <functional>

#include "framework/runtime/executor.h"
#include "framework/runtime/gpu_graph.h"

namespace cf {

class CapturedWork {
 public:
  // Whether work of this executor can be recorded: on a GPU, unless CF_SYNC=1.
  static bool is_possible(const Executor& executor);

  // Records what `body` gives to the executor; nothing of it is computed yet. All memory that the body asks
  // for is taken now and stays reserved: of other work's memory nothing is touched, and a replay asks for
  // none. Tensors made before that the body reads or writes must outlive this object. The body must not read
  // from the device; what changes from replay to replay it reads from StepInputs.
  CapturedWork(Executor& executor, const std::function<void()>& body);

  // Gives the work to the executor once more; returns before it is done.
  void replay() const;

  // What the work holds.
  MemoryUse memory() const { return pool_->use(); }

 private:
  static GpuGraph record(Executor& executor, const std::shared_ptr<MemoryPool>& pool,
                         const std::function<void()>& body);

  Executor& executor_;
  std::shared_ptr<MemoryPool> pool_;
  GpuGraph graph_;
};

}  // namespace cf
