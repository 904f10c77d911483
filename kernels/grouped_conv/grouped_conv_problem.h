// What the cases of grouped_conv are about.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::kernels {

struct GroupedConvProblem {
  std::int64_t n, h, w, channels;
  bool benchmark_only = false;

  std::string text() const { return concat(" N=", n, " H=", h, " W=", w, " C=", channels); }
  double flops() const { return 2.0 * 9 * kGroupWidth * static_cast<double>(n * h * w * channels); }
};

}  // namespace cf::kernels
