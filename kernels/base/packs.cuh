// Packs of V neighbouring elements: 16 bytes at a time where extents and addresses allow it, else one
// element.
#pragma once

#include <cstdint>

#include "kernels/base/alignment.h"
#include "kernels/base/device_types.cuh"

namespace cf {

// body<V>(): V fills 16 bytes of T where the channels (0: of no concern) and all addresses allow it, else V
// is 1.
template <class T, class Body, class... Pointers>
void dispatch_pack(std::int64_t channels, const Body& body, const Pointers*... pointers) {
  if (channels % kPack<T> == 0 && aligned_to(16, pointers...)) {
    body.template operator()<kPack<T>>();
  } else {
    body.template operator()<1>();
  }
}

// V neighbouring elements as floats, and back; aligned to 16 bytes where V is not 1.
template <int V, class T>
__device__ inline void load_floats(const T* from, float (&value)[V]) {
  constexpr int kStep = V < kPack<T> ? V : kPack<T>;
#pragma unroll
  for (int i = 0; i < V; i += kStep) {
    const auto pack = load_pack<T, kStep>(from + i);
#pragma unroll
    for (int j = 0; j < kStep; ++j) value[i + j] = to_float(pack.value[j]);
  }
}

template <int V, class T>
__device__ inline void store_floats(T* to, const float (&value)[V]) {
  constexpr int kStep = V < kPack<T> ? V : kPack<T>;
#pragma unroll
  for (int i = 0; i < V; i += kStep) {
    Pack<T, kStep> pack;
#pragma unroll
    for (int j = 0; j < kStep; ++j) pack.value[j] = from_float<T>(value[i + j]);
    store_pack(to + i, pack);
  }
}

}  // namespace cf
