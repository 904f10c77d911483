// Agreement of the extents of NormedConvBackward's arguments, at every place.
#pragma once

#include "kernels/batch_norm/batch_norm_check.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/normed_conv_backward.h"

namespace cf::kernels {

template <class T>
void check(const NormedConvBackward<T>& a) {
  CF_CHECK(bool{a.norm}, "grouped_conv backward through a norm: no norm");
  check(detail::weight_part(a));
  check(detail::input_part(a));
  check(detail::norm_part(a));
}

}  // namespace cf::kernels
