// Dropout (Srivastava et al., 2014), inverted: kept elements are divided by the probability of keeping.
//
//   y[i] = keep(i) x[i] / (1 - probability)        keep(i) = uniform number i of the stream >= probability
//
// The stream is Philox(seed, Purpose::Dropout, draw, layer): element i is word i % 4 of block i / 4. Backward
// is the same call on dy: the mask is drawn again, nothing is stored.
#pragma once

#include <cstdint>

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct Dropout {
  View<const T, I> x;
  float probability;  // of dropping, in [0, 1)
  std::uint64_t seed, layer;
  View<const std::int64_t, I> draw;  // one element, in the memory of the place: a captured step reads it anew
  View<T, I> y;                      // overwritten; may be x
};

template <class T>
void dropout(Reference, const Dropout<T>&);
void dropout(Cpu, const Dropout<float>&);
template <class T>
void dropout(Cuda, const Dropout<T>&);

}  // namespace cf::kernels
