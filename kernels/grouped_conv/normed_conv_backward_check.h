// Agreement of the extents of NormedConvBackward's arguments, at every place.
#pragma once

#include "kernels/batch_norm/batch_norm_check.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/normed_conv_backward.h"
#include "kernels/linear/linear_check.h"

namespace cf::kernels {

template <class T>
void check(const NormedConvBackward<T>& a) {
  CF_CHECK(bool{a.norm}, "grouped_conv backward through a norm: no norm");
  check(detail::weight_part(a));
  check(detail::input_part(a));
  check(detail::norm_part(a));
  CF_CHECK(bool{a.expanded} == bool{a.dexpand},
           "grouped_conv backward through a norm: expanded and dexpand are wanted both or not at all");
  if (a.dexpand) check(detail::expand_part(a));
}

}  // namespace cf::kernels
