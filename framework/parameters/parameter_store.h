// The buckets: all parameters of a model in one flat tensor, their gradients in another of the same layout,
// and the running statistics in a third. Clipping, the optimizer, averaging and all-reduce each are one call
// over one range.
//
// Parameters lie in reverse order of the forward pass, the order in which backward completes their gradients.
// Each starts on a 128-byte boundary; the padding between stays zero.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/parameters/parameter.h"
#include "framework/runtime/executor.h"
#include "kernels/optimizer_step/optimizer_step.h"

namespace cf {

class ParameterStore {
 public:
  // Names must be set and distinct. `parameters` and `statistics` are in forward order and must outlive the
  // store. Their element type is float32, or float64 for tests at place Reference.
  ParameterStore(Executor& executor, std::vector<Parameter*> parameters, std::vector<Statistic*> statistics,
                 DType dtype = DType::Float32);

  // Draws every parameter anew from (seed, its position in forward order); statistics get their start values.
  void initialise(std::uint64_t seed);

  // Forgets the gradients and batch statistics of the last step without touching memory: the next write
  // overwrites.
  void begin_step();

  // Brings the parameters' copies in the type the network computes in up to date: once a step, and before an
  // evaluation.
  void prepare_compute(DType dtype);

  const std::vector<Parameter*>& parameters() const { return parameters_; }
  const std::vector<Statistic*>& statistics() const { return statistics_; }
  const std::vector<kernels::Segment>& segments() const { return segments_; }  // in bucket order
  std::int64_t parameter_count() const;

  Executor& executor() const { return executor_; }
  DType dtype() const { return values_.dtype(); }
  const Tensor& values() const { return values_; }
  const Tensor& gradients() const { return gradients_; }
  const Tensor& running() const { return running_; }
  const Tensor& batch() const { return batch_; }

  // A zeroed bucket laid out like values() (or running()), and the part of it that belongs to a parameter or
  // statistic.
  Tensor make_parameter_bucket() const;
  Tensor make_statistic_bucket() const;
  Tensor part(const Tensor& bucket, const Parameter& parameter) const;
  Tensor part(const Tensor& bucket, const Statistic& statistic) const;

  // Exchanges the contents of the values and running buckets with others of the same layout: evaluation with
  // averaged weights. Twice is as before.
  void swap_contents(Tensor& values, Tensor& running);

 private:
  void bind();

  Executor& executor_;
  std::vector<Parameter*> parameters_;
  std::vector<Statistic*> statistics_;
  std::vector<kernels::Segment> segments_;
  std::vector<std::int64_t> parameter_offsets_, statistic_offsets_;  // by forward position
  Tensor values_, gradients_, running_, batch_, compute_;
};

}  // namespace cf
