// The copy of a bucket of parameters in the type a network computes in, y[i] = x[i], rounded to nearest even;
// and the way back, which is exact.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct Cast {
  View<const Wide<T>, I> x;
  View<T, I> y;  // overwritten
};

template <class T>
struct Widen {
  View<const T, I> x;
  View<Wide<T>, I> y;  // overwritten
};

template <class T>
void cast(Reference, const Cast<T>&);
void cast(Cpu, const Cast<float>&);
template <class T>
void cast(Cuda, const Cast<T>&);

template <class T>
void cast(Reference, const Widen<T>&);
void cast(Cpu, const Widen<float>&);
template <class T>
void cast(Cuda, const Widen<T>&);

}  // namespace cf::kernels
