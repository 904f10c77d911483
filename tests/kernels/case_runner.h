// Runs one case at every place and element type and compares with the truth.
//
// Truth: the reference loops in double, on inputs rounded to the type under test. Yardstick: the error of the
// reference loops in that type. Error: norm of the difference over norm of the truth, for each output tensor.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "kernels/base/case.h"

namespace cf::kernels {

// Error below which nothing is asked: an output rounded once, and a sum of `depth` terms whose roundings add
// up like a random walk. Zero for integers.
double error_floor(DType output, DType wide, std::int64_t depth);

// Norm of the difference over norm of the truth; the former alone where the truth is zero, infinite where a
// value is not finite.
double relative_error(const std::vector<double>& values, const std::vector<double>& truth);

// What output `tensor` may err by at a place when the case runs in `type` and the reference errs by
// `yardstick`.
double error_bound(const Case& problem, int tensor, DType type, double yardstick);

// Everything wrong with the case, one sentence each; empty: it passes. Checked:
//   reference  in each type: error at most 4 floors, of T where it rounds inside; guard zones around tensors
//   and workspace intact, inputs
//              unchanged, every output element written
//   cpu        error at most twice the yardstick plus the floor; the same guards; a second run and a run on
//              another number of threads bit-equal; outputs that may alias an input give the same bits there
std::vector<std::string> check_case(const Case& problem);

// Only what is checked at place Cpu without the reference: guards, equal bits.
std::vector<std::string> check_case_on_cpu(const Case& problem);

#ifdef CF_WITH_CUDA
// The same at place Cuda, in every type it runs there: error, guards, a second run, aliases.
std::vector<std::string> check_case_on_cuda(const Case& problem);
#endif

// How GoogleTest prints a case; without it, by its bytes.
inline void PrintTo(const Case& problem, std::ostream* out) { *out << problem.name; }

// How GoogleTest names the test of a case.
std::string test_name(const testing::TestParamInfo<Case>& info);

}  // namespace cf::kernels
