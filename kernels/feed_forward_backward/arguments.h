// The arguments of feed_forward as both routes of place Cuda need them.
#pragma once

#include "kernels/feed_forward_backward/feed_forward_backward.h"
#include "kernels/feed_forward_backward/partial_sums.h"

namespace cf::kernels::feed_forward_backward {

struct Extents {
  int pixels, channels, hidden;

  template <class T>
  explicit Extents(const FeedForwardBackward<T>& a)
      : pixels(static_cast<int>(as_rows<M, C>(a.u).template extent<M>().value)),
        channels(static_cast<int>(a.u.template extent<C>().value)),
        hidden(static_cast<int>(a.expand.template extent<E>().value)) {}
};

template <class T>
WeightGradients gradients_of(const FeedForwardBackward<T>& a) {
  return {a.dexpand.data(), a.dexpand_bias.data(), a.dproject.data(), a.accumulate};
}

constexpr int blocks_of(int count, int size) { return (count + size - 1) / size; }

}  // namespace cf::kernels::feed_forward_backward
