// The sum at the end of a residual block, with the branch's last norm on the fly, and stochastic depth by
// kept samples (Huang et al., 2016): the branch holds B <= N samples, its sample i belongs to sample kept[i]
// of the sum.
//
//   sum      y[n] = x[n];  y[kept[i]] += factor (scale branch[i] + shift)        factor = N / B
//   gather   y[i] = factor x[kept[i]]
//   scatter  y[kept[i]] += x[i]
//
// kept holds distinct sample indices in [0, N), ascending; empty: all samples, in order.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct ResidualSum {
  View<const T, N, H, W, C> x;
  View<const T, N, H, W, C> branch;  // B samples
  View<const Wide<T>, C> scale, shift;
  View<const std::int64_t, N> kept;
  float factor = 1;
  View<T, N, H, W, C> y;  // overwritten; may be x
};

template <class T>
struct GatherSamples {
  View<const T, N, H, W, C> x;
  View<const std::int64_t, N> kept;  // not empty
  float factor = 1;
  View<T, N, H, W, C> y;  // overwritten; B samples
};

template <class T>
struct ScatterAddSamples {
  View<const T, N, H, W, C> x;       // B samples
  View<const std::int64_t, N> kept;  // empty: all, y += x
  View<T, N, H, W, C> y;             // added to
};

template <class T>
void residual(Reference, const ResidualSum<T>&);
template <class T>
void residual(Reference, const GatherSamples<T>&);
template <class T>
void residual(Reference, const ScatterAddSamples<T>&);

void residual(Cpu, const ResidualSum<float>&);
void residual(Cpu, const GatherSamples<float>&);
void residual(Cpu, const ScatterAddSamples<float>&);

// kept is in device memory: that its samples are ascending and in range is the caller's to ensure.
template <class T>
void residual(Cuda, const ResidualSum<T>&);
template <class T>
void residual(Cuda, const GatherSamples<T>&);
template <class T>
void residual(Cuda, const ScatterAddSamples<T>&);

}  // namespace cf::kernels
