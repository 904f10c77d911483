// Gradients of the weights and biases of squeeze_excite at place Cuda, of both of its layers in one launch.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/base/place.h"

namespace cf::kernels::squeeze_excite_detail {

// dweight[row, column] = accumulate dweight + sum_n doutput[n, row] input[n, column]
// dbias[row]           = accumulate dbias + sum_n doutput[n, row]
struct LayerGradient {
  int rows, columns;
  const float *doutput, *input;  // [N, rows], [N, columns]
  float *dweight, *dbias;
};

void add_layer_gradients(std::string_view name, Cuda place, std::int64_t samples, const LayerGradient& first,
                         const LayerGradient& second, float accumulate);

}  // namespace cf::kernels::squeeze_excite_detail
