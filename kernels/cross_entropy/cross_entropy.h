// Classification losses, mean over the samples.
//
//   softmax cross entropy  loss[n] = - sum_k target[n,k] log softmax(logits[n])[k]
//                          dlogits[n,k] = dloss / N (softmax(logits[n])[k] sum_j target[n,j] - target[n,k])
//   binary cross entropy   loss[n] = mean_k (softplus(z) - target z),  z = logits[n,k]
//                          dlogits[n,k] = dloss / (N K) (sigmoid(z) - target[n,k])
//
// The target is a label with smoothing, (1 - smoothing) onehot + smoothing / K (Szegedy et al., 2016), or a
// row of soft targets. Smoothing is applied to soft targets alike.
#pragma once

#include "kernels/base/dtype.h"
#include "kernels/base/place.h"
#include "kernels/base/view.h"

namespace cf::kernels {

enum class LossKind { CrossEntropy, BinaryCrossEntropy };

template <class T>
struct ClassificationTarget {
  View<const std::int64_t, N> labels;      // in [0, K); empty where soft targets are given
  View<const Wide<T>, N, K> soft_targets;  // empty where labels are given
  float smoothing = 0;
};

template <class T>
struct LossForward {
  LossKind kind;
  View<const T, N, K> logits;
  ClassificationTarget<T> target;
  View<Wide<T>, N> sample_loss;  // overwritten
  View<Wide<T>, I> mean_loss;    // one element, overwritten
};

template <class T>
struct LossBackward {
  LossKind kind;
  View<const T, N, K> logits;
  ClassificationTarget<T> target;
  View<const Wide<T>, I> dloss;  // one element: gradient of the mean loss
  View<T, N, K> dlogits;         // overwritten
};

// A label outside [0, K) is a Data error that names sample and label (at Reference and Cpu).
template <class T>
void cross_entropy(Reference, const LossForward<T>&);
template <class T>
void cross_entropy(Reference, const LossBackward<T>&);

void cross_entropy(Cpu, const LossForward<float>&);
void cross_entropy(Cpu, const LossBackward<float>&);

// Labels are in device memory and not checked: one outside [0, K) makes the loss and the sample's gradient
// NaN.
template <class T>
void cross_entropy(Cuda, const LossForward<T>&);
template <class T>
void cross_entropy(Cuda, const LossBackward<T>&);

}  // namespace cf::kernels
