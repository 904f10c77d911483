// Place of the true class in the order of the logits: top-1 correct where rank is 0, top-5 correct where it
// is below 5.
//
//   rank[n] = number of classes k with logits[n,k] > logits[n,label], or equal and k < label
//
// A NaN counts as larger than every number, so that a broken row is never correct; with a NaN at the label
// the rank is K, behind all.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct LabelRank {
  View<const T, N, K> logits;
  View<const std::int64_t, N> labels;  // in [0, K)
  View<std::int64_t, N> rank;          // overwritten
};

template <class T>
void accuracy(Reference, const LabelRank<T>&);
void accuracy(Cpu, const LabelRank<float>&);
// Labels are in device memory and not checked: one outside [0, K) gets the rank K.
template <class T>
void accuracy(Cuda, const LabelRank<T>&);

}  // namespace cf::kernels
