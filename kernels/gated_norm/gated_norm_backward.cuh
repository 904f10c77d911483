// The steps of gated_norm backward at place Cuda, for kernels that take its sums where they store its dy.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/gated_norm/gated_norm.h"
#include "kernels/squeeze_excite/gate_layers.cuh"

namespace cf::kernels::gated_norm_detail {

using squeeze_excite_detail::GateExtents;
using squeeze_excite_detail::GateGradients;

inline constexpr std::string_view kBackwardName = "gated_norm backward";

struct NormPointers {
  const float *mean, *rstd, *gamma, *bias;  // [C]
};

template <class T>
NormPointers norm_pointers(const GatedNormBackward<T>& a) {
  return {a.mean.data(), a.rstd.data(), a.gamma.data(), a.bias.data()};
}

// Over the pixels of a sample, with a' the activation's derivative and d = x - mean; [N,C] each.
struct SumPointers {
  float *dy_slope, *dy_slope_d;  // dy a', dy a' d
  float *slope, *slope_d;        // a', a' d
};

// dx = scale dh + slope (x - mean) + offset, where scale = gamma rstd; [C] each.
struct CoefficientPointers {
  float *slope, *offset;
};

// What backward keeps in its workspace.
struct BackwardMemory {
  GateGradients gates;
  SumPointers sums;
  CoefficientPointers coefficients;

  template <class T>
  BackwardMemory(const GatedNormBackward<T>& a, std::byte* memory) : gates(GateExtents(a), memory) {
    const GateExtents e(a);
    std::byte* next = memory + GateGradients::bytes(e);
    const auto take = [&](std::size_t bytes) {
      auto* const part = reinterpret_cast<float*>(next);
      next += bytes;
      return part;
    };
    for (float** sum : {&sums.dy_slope, &sums.dy_slope_d, &sums.slope, &sums.slope_d}) {
      *sum = take(GateGradients::channel_bytes(e));
    }
    for (float** part : {&coefficients.slope, &coefficients.offset}) *part = take(coefficient_bytes(e));
  }

  template <class T>
  static std::size_t bytes(const GatedNormBackward<T>& a) {
    const GateExtents e(a);
    return GateGradients::bytes(e) + 4 * GateGradients::channel_bytes(e) + 2 * coefficient_bytes(e);
  }

 private:
  static std::size_t coefficient_bytes(const GateExtents& e) {
    return padded_bytes(static_cast<std::size_t>(e.channels) * sizeof(float));
  }
};

// What follows when the sums and gates.da are in memory, BackwardMemory::bytes(a) of it.
template <class T>
void backward_from_sums(Cuda place, const GatedNormBackward<T>& a, std::byte* memory);

}  // namespace cf::kernels::gated_norm_detail
