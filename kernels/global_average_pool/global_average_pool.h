// Mean over the pixels of each sample and channel.
//
//   forward   y[n,c] = sum_{h,w} x[n,h,w,c] / (H W)
//   backward  dx[n,h,w,c] = dy[n,c] / (H W)
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

template <class T>
struct GlobalAveragePoolForward {
  View<const T, N, H, W, C> x;
  View<T, N, C> y;  // overwritten
};

template <class T>
struct GlobalAveragePoolBackward {
  View<const T, N, C> dy;
  View<T, N, H, W, C> dx;  // overwritten
};

template <class T>
void global_average_pool(Reference, const GlobalAveragePoolForward<T>&);
template <class T>
void global_average_pool(Reference, const GlobalAveragePoolBackward<T>&);

template <class T>
void global_average_pool(Cuda, const GlobalAveragePoolForward<T>&);
template <class T>
void global_average_pool(Cuda, const GlobalAveragePoolBackward<T>&);

void global_average_pool(Cpu, const GlobalAveragePoolForward<float>&);
void global_average_pool(Cpu, const GlobalAveragePoolBackward<float>&);

}  // namespace cf::kernels
