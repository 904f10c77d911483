// How a parameter gradient meets what is there already, as a GEMM's beta does it.
#pragma once

namespace cf::kernels {

// accumulate = 0 overwrites (whatever was there, NaN too), 1 adds.
template <class T>
inline void accumulate_into(T& gradient, float accumulate, T sum) {
  gradient = accumulate == 0 ? sum : static_cast<T>(accumulate) * gradient + sum;
}

}  // namespace cf::kernels
