// Class labels come from data files: a wrong one is the data's fault and is named.
#pragma once

#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/view.h"

namespace cf {

inline void check_labels(std::string_view kernel, const View<const std::int64_t, N>& labels, K classes) {
  for (const N n : range(labels.extent<N>())) {
    CF_CHECK_AS(ErrorKind::Data, labels(n) >= 0 && labels(n) < classes.value, kernel,
                ": the label of sample ", n.value, " is ", labels(n), ", must be in [0, ", classes.value,
                ")");
  }
}

}  // namespace cf
