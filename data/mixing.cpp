#include "data/mixing.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/philox.h"

namespace cf::data {
namespace {

// Uniform in (0, 1].
double positive_uniform(Philox& draw) { return 1.0 - static_cast<double>(draw.uniform()); }

// Logarithm of a number of the gamma distribution (Marsaglia and Tsang, "A simple method for generating gamma
// variables", 2000). A shape below 1 goes through shape + 1; the numbers themselves may underflow then.
double draw_log_gamma(Philox& draw, double shape) {
  const double log_boost = shape < 1 ? std::log(positive_uniform(draw)) / shape : 0;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const auto x = static_cast<double>(draw.normal());
    const double root = 1 + c * x, v = root * root * root;
    if (v <= 0) continue;
    const double log_limit = 0.5 * x * x + d * (1 - v + std::log(v));
    if (std::log(positive_uniform(draw)) < log_limit) return std::log(d * v) + log_boost;
  }
}

double draw_beta(Philox& draw, double alpha) {
  const double first = draw_log_gamma(draw, alpha), second = draw_log_gamma(draw, alpha);
  return 1 / (1 + std::exp(second - first));
}

struct Span {
  int first, extent;
};

// `share` of [0, extent) around a drawn centre.
Span draw_span(Philox& draw, int extent, double share) {
  const int half = static_cast<int>(extent * share) / 2;
  const auto centre = static_cast<int>(draw.below(static_cast<std::uint64_t>(extent)));
  const int first = std::max(0, centre - half), end = std::min(extent, centre + half);
  return {first, end - first};
}

}  // namespace

PairMix draw_pair_mix(const MixOptions& options, std::uint64_t seed, std::int64_t step, std::int64_t pair,
                      ImageSize image) {
  Philox draw(seed, Purpose::Mixup, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(pair));
  const auto is_mixed = static_cast<double>(draw.uniform()), is_cutmix = static_cast<double>(draw.uniform());
  if (!options.any() || is_mixed >= options.probability) return {};
  const bool cuts = options.cutmix > 0 && (options.mixup <= 0 || is_cutmix < options.switch_probability);
  const double share = draw_beta(draw, cuts ? options.cutmix : options.mixup);
  if (!cuts) return {.share = static_cast<float>(share), .label_share = static_cast<float>(share)};
  const double side = std::sqrt(1 - share);
  const Span rows = draw_span(draw, image.height, side), columns = draw_span(draw, image.width, side);
  const double area = static_cast<double>(rows.extent) * columns.extent;
  return {.box = {rows.first, columns.first, rows.extent, columns.extent},
          .label_share = static_cast<float>(1 - area / (static_cast<double>(image.height) * image.width))};
}

}  // namespace cf::data
