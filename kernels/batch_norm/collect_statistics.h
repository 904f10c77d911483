// Statistics of one micro-batch towards the step's, which move the running statistics once:
//
//   batch_mean     = accumulate batch_mean     + share mean
//   batch_variance = accumulate batch_variance + share variance count / (count - 1)       unbiased, as
//   PyTorch keeps it
#pragma once

#include <cstdint>

#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct CollectStatistics {
  View<const T, C> mean, variance;  // of a micro-batch; biased
  std::int64_t count;               // values per channel in the micro-batch, > 1
  float share;                      // 1 / micro-batches of the step
  float accumulate = 0;             // 0: overwritten; 1: added to
  View<T, C> batch_mean, batch_variance;
};

template <class T>
void collect_statistics(Reference, const CollectStatistics<T>&);
void collect_statistics(Cpu, const CollectStatistics<float>&);
template <class T>
void collect_statistics(Cuda, const CollectStatistics<T>&);  // float

}  // namespace cf::kernels
