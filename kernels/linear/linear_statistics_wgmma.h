// The forward pass of linear on Hopper GPUs that takes the statistics of y where it stores y.
#pragma once

#include <cstdint>

#include "kernels/linear/linear.h"

namespace cf::kernels {

// By the widths alone.
constexpr bool fit_statistics_at_the_store(std::int64_t inputs, std::int64_t outputs) {
  return outputs > 0 && outputs % 128 == 0 &&
         (inputs == 128 || inputs == 192 || inputs == 256 || inputs == 384 || inputs == 512);
}

// Of what takes_statistics_at_the_store(). As many blocks as fill the multiprocessors share the rows: the
// statistics have the same bits on GPUs of the same kind, and may differ by roundings on another.
template <class T>
void linear_statistics_by_wgmma(Cuda, const LinearForward<T>&);
template <class T>
std::size_t statistics_wgmma_bytes(Cuda, const LinearForward<T>&);

}  // namespace cf::kernels
