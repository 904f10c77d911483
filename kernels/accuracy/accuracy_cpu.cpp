#include <cmath>

#include "kernels/accuracy/accuracy.h"
#include "kernels/accuracy/accuracy_check.h"
#include "kernels/base/parallel.h"

namespace cf::kernels {

namespace {

// Negated comparisons count a NaN, as larger than every number.
std::int64_t rank_of(const float* logits, std::int64_t label, std::int64_t classes) {
  const float of_label = logits[label];
  if (std::isnan(of_label)) return classes;
  std::int32_t rank = 0;
  for (std::int64_t k = 0; k < label; ++k) rank += !(logits[k] < of_label);
  for (std::int64_t k = label + 1; k < classes; ++k) rank += !(logits[k] <= of_label);
  return rank;
}

}  // namespace

void accuracy(Cpu place, const LabelRank<float>& args) {
  check(args);
  const auto nanoseconds = 0.2 * static_cast<double>(args.logits.extent<K>().value);
  parallel(place, args.rank.size(), 16, nanoseconds, [&](std::int64_t first, std::int64_t last) {
    for (N n{first}; n < N{last}; ++n) {
      args.rank(n) = rank_of(args.logits.at(n), args.labels(n), args.logits.extent<K>().value);
    }
  });
}

}  // namespace cf::kernels
