// Every kernel's list of cases, by folder. X_cases.cpp defines the function of folder X.
#pragma once

#include <vector>

#include "kernels/base/case.h"

namespace cf::kernels {

std::vector<Case> linear_cases();

// All of them, in the order above.
std::vector<Case> all_cases();

}  // namespace cf::kernels
