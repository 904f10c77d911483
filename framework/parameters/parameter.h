// What a model learns, and what its norms remember: handles that a ParameterStore binds to slices of its
// buckets.
#pragma once

#include <string>

#include "framework/tensor/tensor.h"

namespace cf {

// How a tensor of ours becomes PyTorch's in interchange files. In memory filters are [K,R,S,C] (channels
// last).
enum class Interchange {
  Same,       // [K], [K,C]
  Pointwise,  // [K,C]     <-> [K,C,1,1]
  Filter,     // [K,R,S,C] <-> [K,C,R,S]
};

// How a parameter starts.
struct Initial {
  enum class Kind { Constant, Normal } kind = Kind::Constant;
  float value = 0;  // the constant, or the standard deviation of a normal distribution cut at two deviations
};

struct Parameter {
  Shape shape;
  Interchange interchange = Interchange::Same;
  Initial initial;
  bool decays = true;  // weight decay applies; false for norms and biases

  // Set by the ParameterStore.
  std::string name;  // "stages.0.blocks.1.conv.weight", as in interchange files
  Tensor value;
  Tensor gradient;
  Tensor compute;           // the copy in the type the network computes in; empty where that is value's own
  int gradient_writes = 0;  // to `gradient` since the step began

  // What kernels read.
  const Tensor& for_compute() const { return compute ? compute : value; }

  Parameter() = default;
  Parameter(Shape s, Interchange i, Initial start, bool decay)
      : shape(s), interchange(i), initial(start), decays(decay) {}
  Parameter(const Parameter&) = delete;
  Parameter& operator=(const Parameter&) = delete;
};

// A running statistic of a batch norm. `batch` collects the mean over the micro-batches of a step.
struct Statistic {
  Shape shape;
  float initial = 0;

  std::string name;
  Tensor value;
  Tensor batch;
  bool has_batch = false;

  Statistic() = default;
  Statistic(Shape s, float start) : shape(s), initial(start) {}
  Statistic(const Statistic&) = delete;
  Statistic& operator=(const Statistic&) = delete;
};

// Where a backward call writes a parameter's gradient.
struct GradientTarget {
  Tensor into;
  float accumulate;  // 0: the first write of the step; 1: added to
};

inline GradientTarget gradient_target(Parameter& parameter) {
  const float accumulate = parameter.gradient_writes == 0 ? 0.0F : 1.0F;
  ++parameter.gradient_writes;
  return {parameter.gradient, accumulate};
}

}  // namespace cf
