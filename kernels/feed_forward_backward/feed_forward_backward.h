// The gradients of a block's feed-forward part, which is made of 1x1 convolutions:
//
//   h = expand u + expand_bias,  a = max(h, 0),  p = project a      E hidden channels
//
// From the gradient dp of p, with h and a computed again from u, at each pixel
//
//   da = project' dp                                                [E]
//   dh = da where a > 0, else 0                                     [E]
//   du = expand' dh                                                 [C]
//
// and summed over the pixels
//
//   dproject     = accumulate dproject + sum dp a'                  [C,E]
//   dexpand      = sum dh u'                                        [E,C]
//   dexpand_bias = sum dh                                           [E]
//
// h and da are wide; a and dh are rounded to T before they are multiplied (dexpand_bias may be summed
// before). Neither reaches memory at place Cuda, nor leaves the cache at place Cpu. Of what comes out,
// dproject is a parameter's gradient, while expand and expand_bias mostly have a norm folded into them: their
// gradients are intermediate values.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct FeedForwardBackward {
  View<const T, N, H, W, C> u;
  View<const T, E, C> expand;
  View<const Wide<T>, E> expand_bias;
  View<const T, C, E> project;
  View<const T, N, H, W, C> dp;
  View<T, N, H, W, C> du;         // overwritten; neither u nor dp
  View<Wide<T>, E, C> dexpand;    // overwritten
  View<Wide<T>, E> dexpand_bias;  // overwritten
  View<Wide<T>, C, E> dproject;
  float accumulate = 0;  // of dproject. 0: overwritten (whatever was there, NaN too); 1: added to
  Workspace workspace;
  bool portable = false;  // place Cuda: use nothing that compute capability 8.0 does not have
};

template <class T>
void feed_forward(Reference, const FeedForwardBackward<T>&);

void feed_forward(Cpu, const FeedForwardBackward<float>&);
std::size_t workspace_bytes(Cpu, const FeedForwardBackward<float>&);

// T is Half or BFloat16; C up to 192 and E are multiples of 8 (else an error of kind Usage). Images and
// weights must be aligned to 16 bytes. Needs compute capability 8.0.
template <class T>
void feed_forward(Cuda, const FeedForwardBackward<T>&);
template <class T>
std::size_t workspace_bytes(Cuda, const FeedForwardBackward<T>&);

}  // namespace cf::kernels
