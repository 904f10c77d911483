// What one key says about another: values that follow from other keys, and checks over several keys.
#pragma once

#include "apps/config/config.h"

namespace cf::apps {

// Replaces "as another key says" (train.norm_batch = 0, eval.size = 0, eval.batch = 0, empty mean and std) by
// the value and notes its origin.
void fill_in(ResolvedConfig& resolved);

// Throws a Usage error that starts with the origin of the key it blames.
void validate(const ResolvedConfig& resolved);

}  // namespace cf::apps
