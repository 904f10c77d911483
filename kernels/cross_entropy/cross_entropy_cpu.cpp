#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/base/exponential.h"
#include "kernels/base/parallel.h"
#include "kernels/cross_entropy/cross_entropy.h"
#include "kernels/cross_entropy/cross_entropy_check.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kLanes = 8;
using Sums = std::array<double, kLanes>;

// Calls body(k, lane) for all k in [0, count): kLanes independent accumulators, whose loops vectorise.
template <class Body>
inline void for_each_lane(std::int64_t count, const Body& body) {
  std::int64_t k = 0;
  for (; k + kLanes <= count; k += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) body(k + static_cast<std::int64_t>(lane), lane);
  }
  for (; k < count; ++k) body(k, 0);
}

double total(const Sums& sums) {
  double sum = 0;
  for (const double s : sums) sum += s;
  return sum;
}

float largest_of(const float* row, std::int64_t count) {
  std::array<float, kLanes> largest;
  largest.fill(row[0]);
  for_each_lane(count, [&](std::int64_t k, std::size_t lane) {
    largest[lane] = largest[lane] < row[k] ? row[k] : largest[lane];
  });
  return *std::max_element(largest.begin(), largest.end());
}

// sum_k exp(row[k] - largest), in double, which keeps what is beside the 1 of the largest.
double sum_of_exponentials(const float* row, float largest, std::int64_t count) {
  Sums sums{};
  for_each_lane(count,
                [&](std::int64_t k, std::size_t lane) { sums[lane] += exponential(row[k] - largest); });
  return total(sums);
}

struct TargetSums {
  double target = 0;        // sum_k target[k]
  double target_logit = 0;  // sum_k target[k] (row[k] - largest)
};

TargetSums target_sums(const ClassificationTarget<float>& target, N n, const float* row, float largest,
                       std::int64_t classes) {
  const double smoothing = target.smoothing;
  TargetSums result;
  if (smoothing != 0) {  // the uniform part; without it a logit of -infinity elsewhere does no harm
    Sums logits{};
    for_each_lane(classes, [&](std::int64_t k, std::size_t lane) { logits[lane] += row[k] - largest; });
    result = {smoothing, smoothing * total(logits) / static_cast<double>(classes)};
  }
  if (target.labels) {
    result.target += 1 - smoothing;
    result.target_logit += (1 - smoothing) * (row[target.labels(n)] - largest);
    return result;
  }
  const float* soft = target.soft_targets.at(n);
  Sums targets{}, logits{};
  for_each_lane(classes, [&](std::int64_t k, std::size_t lane) {
    targets[lane] += soft[k];
    logits[lane] += soft[k] != 0 ? soft[k] * (row[k] - largest) : 0;
  });
  result.target += (1 - smoothing) * total(targets);
  result.target_logit += (1 - smoothing) * total(logits);
  return result;
}

double cross_entropy_of_sample(const LossForward<float>& args, N n) {
  const std::int64_t classes = args.logits.extent<K>().value;
  const float* row = args.logits.at(n);
  const float largest = largest_of(row, classes);
  const double log_sum = std::log1p(sum_of_exponentials(row, largest, classes) - 1);
  const TargetSums sums = target_sums(args.target, n, row, largest, classes);
  return sums.target * log_sum - sums.target_logit;
}

double binary_cross_entropy_of_sample(const LossForward<float>& args, N n) {
  const K classes = args.logits.extent<K>();
  double loss = 0;
  for (const K k : range(classes)) {
    const float z = args.logits(n, k);
    const float softplus = (z > 0 ? z : 0) + std::log1p(std::exp(-std::abs(z)));
    loss += softplus - target_of(args.target, n, k, classes) * z;
  }
  return loss / static_cast<double>(classes.value);
}

// d[k] = factor (weight d[k] - target[k]), where d holds a probability, or its multiple, on entry.
void subtract_target(const ClassificationTarget<float>& target, N n, float factor, float weight, float* d,
                     std::int64_t classes) {
  const float uniform = target.smoothing / static_cast<float>(classes), rest = 1 - target.smoothing;
  if (target.labels) {
    const std::int64_t label = target.labels(n);
    const float of_label = factor * (weight * d[label] - (rest + uniform));
    for (std::int64_t k = 0; k < classes; ++k) d[k] = factor * (weight * d[k] - uniform);
    d[label] = of_label;
  } else {
    const float* soft = target.soft_targets.at(n);
    for (std::int64_t k = 0; k < classes; ++k) d[k] = factor * (weight * d[k] - (rest * soft[k] + uniform));
  }
}

void cross_entropy_gradient_of_sample(const LossBackward<float>& args, N n, float factor) {
  const std::int64_t classes = args.logits.extent<K>().value;
  const float* row = args.logits.at(n);
  float* d = args.dlogits.at(n);
  const float largest = largest_of(row, classes);
  const double sum = sum_of_exponentials(row, largest, classes);
  const double targets = target_sums(args.target, n, row, largest, classes).target;
  for (std::int64_t k = 0; k < classes; ++k) d[k] = exponential(row[k] - largest);
  subtract_target(args.target, n, factor, static_cast<float>(targets / sum), d, classes);
}

void binary_cross_entropy_gradient_of_sample(const LossBackward<float>& args, N n, float factor) {
  const std::int64_t classes = args.logits.extent<K>().value;
  const float* row = args.logits.at(n);
  float* d = args.dlogits.at(n);
  for (std::int64_t k = 0; k < classes; ++k) d[k] = 1 / (1 + exponential(-row[k]));
  subtract_target(args.target, n, factor, 1, d, classes);
}

double nanoseconds_of_sample(const View<const float, N, K>& logits) {
  return 2 * static_cast<double>(logits.extent<K>().value);
}

}  // namespace

void cross_entropy(Cpu place, const LossForward<float>& args) {
  check(args);
  const N samples = args.logits.extent<N>();
  parallel(place, samples.value, 1, nanoseconds_of_sample(args.logits),
           [&](std::int64_t first, std::int64_t last) {
             for (N n{first}; n < N{last}; ++n) {
               args.sample_loss(n) = static_cast<float>(args.kind == LossKind::CrossEntropy
                                                            ? cross_entropy_of_sample(args, n)
                                                            : binary_cross_entropy_of_sample(args, n));
             }
           });
  double sum = 0;
  for (const float loss : args.sample_loss) sum += loss;
  args.mean_loss(I{0}) = static_cast<float>(sum / static_cast<double>(samples.value));
}

void cross_entropy(Cpu place, const LossBackward<float>& args) {
  check(args);
  const bool is_softmax = args.kind == LossKind::CrossEntropy;
  const std::int64_t samples = args.logits.extent<N>().value;
  const float factor = args.dloss(I{0}) / static_cast<float>(is_softmax ? samples : args.logits.size());
  parallel(place, samples, 1, nanoseconds_of_sample(args.logits), [&](std::int64_t first, std::int64_t last) {
    for (N n{first}; n < N{last}; ++n) {
      if (is_softmax) {
        cross_entropy_gradient_of_sample(args, n, factor);
      } else {
        binary_cross_entropy_gradient_of_sample(args, n, factor);
      }
    }
  });
}

}  // namespace cf::kernels
