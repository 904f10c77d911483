// The ConvFirst block for inference (arXiv 2404.03617), its three batch norms folded into the weights:
//
//   u = conv(x) + conv_bias                3x3, group width 8, zero padding 1      [N,H,W,C]
//   h = max(expand u + expand_bias, 0)     1x1, E hidden channels                  [N,H,W,E]
//   y = x + project h + project_bias       1x1                                     [N,H,W,C]
//
// u, h and y are rounded to T, sums are wide. C is a multiple of 8. Weights and biases are those that
// fold_norm makes of a layer and the norm behind it (conv with conv_bn, and so on). With them y = x +
// project_bn(project(relu(expand_bn(expand(conv_bn(conv(x))))))) of layers/conv_first.h in evaluation; zero
// padding stays exact because conv_bn comes behind the padding.
//
// u and h never reach memory: places Cpu and Cuda keep them in cache and in registers, tile by tile.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"
#include "kernels/base/workspace.h"

namespace cf::kernels {

template <class T>
struct ConvFirstForward {
  View<const T, N, H, W, C> x;
  View<const T, K, R, S, C> conv;  // [channels, 3, 3, 8], see grouped_conv
  View<const Wide<T>, C> conv_bias;
  View<const T, E, C> expand;
  View<const Wide<T>, E> expand_bias;
  View<const T, C, E> project;
  View<const Wide<T>, C> project_bias;
  View<T, N, H, W, C> y;  // overwritten; not x
  Workspace workspace;    // place Cpu
  // Place Cuda: bytes of shared memory a block may take at most; 0: what the GPU grants.
  std::int64_t shared_memory_limit = 0;
  bool portable = false;  // place Cuda: use nothing that compute capability 8.0 does not have
};

template <class T>
void convfirst(Reference, const ConvFirstForward<T>&);

void convfirst(Cpu, const ConvFirstForward<float>&);
std::size_t workspace_bytes(Cpu, const ConvFirstForward<float>&);

// T is Half or BFloat16; C up to 192, E a multiple of 8 (else an error of kind Usage). Images and weights
// must be aligned to 16 bytes. Needs compute capability 8.0.
template <class T>
void convfirst(Cuda, const ConvFirstForward<T>&);

}  // namespace cf::kernels
