// What the ranks of a run tell one another in a training step: gradients, batch statistics, losses. Gradients
// go out part by part as backward completes them; on a GPU in a stream of their own, beside the rest of
// backward.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "framework/parallel/communication_times.h"
#include "framework/parallel/communicator.h"
#include "framework/parameters/parameter_store.h"
#include "framework/runtime/gpu_graph.h"

namespace cf {

class StepReduction {
 public:
  // Parameters lie in the store's bucket in the order in which backward completes them; a part is as many of
  // them as fill `part_bytes`, or the last ones. gathered: tensors of `world` equal parts, of which each rank
  // fills its own before begin(). wire: the type of gradients on their way, in which they are added: float32,
  // or on GPUs bfloat16.
  StepReduction(ParameterStore& store, Communicator& ranks, std::vector<Tensor> gathered,
                DType wire = DType::Float32, std::int64_t part_bytes = kPartBytes);

  // In this order, once a step. All give work to the executor and may be recorded.
  //
  // Forward of this rank's last micro-batch is given: statistics are summed, tensors gathered.
  void begin();
  // Backward of the last micro-batch has got further. A gradient is complete once it was written
  // `writes_of_step` times since the step began.
  void advance(int writes_of_step);
  // Backward is given: what comes next in the executor's order sees the sums of all ranks.
  void finish(int writes_of_step);

  // On a GPU: what it took the time of, for CommunicationClock::read. Null elsewhere.
  const Tensor* times() const { return clock_ ? &clock_->times() : nullptr; }

 private:
  // Large enough for the rate of the link, small enough that little is left behind the end of backward.
  static constexpr std::int64_t kPartBytes = std::int64_t{8} << 20;

  struct Part {
    std::vector<const Parameter*> parameters;
    Tensor gradients;
    Tensor wire;  // what goes out in their place; empty where they go themselves
  };

  void send(const Part& part);

  // Calls `collectives` with the stream that they go to, and takes their time.
  template <class Collectives>
  void communicate(Collectives collectives);

  // Work given to the executor so far comes before what its communication stream gets from now on.
  void follow_executor();

  ParameterStore& store_;
  Communicator& ranks_;
  std::vector<Tensor> gathered_;
  std::vector<Part> parts_;
  std::size_t given_ = 0;  // parts, since begin()

  // On a GPU only.
  std::unique_ptr<GpuStream> stream_;
  std::unique_ptr<GpuEvent> ready_, done_;
  std::optional<CommunicationClock> clock_;
};

}  // namespace cf
