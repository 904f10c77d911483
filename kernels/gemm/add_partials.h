// The end of a sum that several blocks have shared.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/base/place.h"

namespace cf::kernels {

// sums[i] = beta sums[i] + sum over p of partials[p, i], in order; with beta = 0 whatever sums held does not
// count. All in the device's memory.
void add_partials(Cuda place, std::string_view name, const float* partials, std::int64_t count,
                  std::int64_t size, float beta, float* sums);

}  // namespace cf::kernels
