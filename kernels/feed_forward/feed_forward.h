// Two 1x1 convolutions with a ReLU between them, E hidden channels:
//
//   h[m,e] = max(sum_c expand[e,c] u[m,c] + expand_bias[e], 0)         rounded to T
//   p[m,c] = sum_e project[c,e] h[m,e]
//
//   mean[c], variance[c]: of p over the M pixels, as batch_norm's statistics; M = 1 is an error then
//
// Sums are wide. The hidden layer never reaches memory: places Cpu and Cuda keep it in cache and in
// registers. The backward pass is feed_forward_backward.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct FeedForward {
  View<const T, M, C> u;
  View<const T, E, C> expand;
  View<const Wide<T>, E> expand_bias;
  View<const T, C, E> project;
  View<T, M, C> p;                            // overwritten; not u
  View<Wide<T>, C> mean = {}, variance = {};  // overwritten; empty, both: not wanted
  Workspace workspace;
  bool portable = false;  // place Cuda: use nothing that compute capability 8.0 does not have
};

template <class T>
void feed_forward(Reference, const FeedForward<T>&);

void feed_forward(Cpu, const FeedForward<float>&);
std::size_t workspace_bytes(Cpu, const FeedForward<float>&);

// T is Half or BFloat16; C up to 192, both C and E multiples of 8 (else an error of kind Usage). u, p and
// weights must be aligned to 16 bytes. Needs compute capability 8.0.
template <class T>
void feed_forward(Cuda, const FeedForward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const FeedForward<T>&);

}  // namespace cf::kernels
