// Every kernel's list of cases, by folder. X_cases.cpp defines the function of folder X.
#pragma once

#include <vector>

#include "kernels/base/case.h"

namespace cf::kernels {

std::vector<Case> global_average_pool_cases();
std::vector<Case> grouped_conv_backward_cases();
std::vector<Case> grouped_conv_cases();
std::vector<Case> linear_cases();
std::vector<Case> mix_images_cases();
std::vector<Case> normalize_image_cases();
std::vector<Case> normed_conv_cases();
std::vector<Case> patch_conv_cases();
std::vector<Case> squeeze_excite_cases();
std::vector<Case> accuracy_cases();
std::vector<Case> activation_cases();
std::vector<Case> batch_norm_cases();
std::vector<Case> cast_cases();
std::vector<Case> convfirst_forward_cases();
std::vector<Case> covariance_cases();
std::vector<Case> cross_entropy_cases();
std::vector<Case> dropout_cases();
std::vector<Case> feed_forward_backward_cases();
std::vector<Case> feed_forward_cases();
std::vector<Case> fold_batch_norms_cases();
std::vector<Case> fold_expand_norm_cases();
std::vector<Case> fold_norm_cases();
std::vector<Case> folded_linear_cases();
std::vector<Case> gated_linear_backward_cases();
std::vector<Case> gated_norm_cases();
std::vector<Case> mbconv_forward_cases();
std::vector<Case> optimizer_step_cases();
std::vector<Case> residual_cases();

// All of them, in the order above.
std::vector<Case> all_cases();

}  // namespace cf::kernels
