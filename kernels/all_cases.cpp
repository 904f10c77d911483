#include "kernels/all_cases.h"

#include <iterator>

namespace cf::kernels {

std::vector<Case> all_cases() {
  std::vector<Case> all;
  for (const auto list : {
           global_average_pool_cases,
           grouped_conv_backward_cases,
           grouped_conv_cases,
           linear_cases,
           mix_images_cases,
           normalize_image_cases,
           normed_conv_cases,
           patch_conv_cases,
           squeeze_excite_cases,
           accuracy_cases,
           activation_cases,
           batch_norm_cases,
           cast_cases,
           convfirst_forward_cases,
           covariance_cases,
           cross_entropy_cases,
           dropout_cases,
           feed_forward_backward_cases,
           feed_forward_cases,
           fold_batch_norms_cases,
           fold_expand_norm_cases,
           fold_norm_cases,
           folded_linear_cases,
           gated_linear_backward_cases,
           gated_norm_cases,
           mbconv_forward_cases,
           optimizer_step_cases,
           residual_cases,
       }) {
    auto cases = list();
    all.insert(all.end(), std::make_move_iterator(cases.begin()), std::make_move_iterator(cases.end()));
  }
  return all;
}

}  // namespace cf::kernels
