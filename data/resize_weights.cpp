// Compiled without contraction to fused multiply-add (CMakeLists.txt): the weights are then those of Pillow's
// build, bit for bit.
#include <algorithm>
#include <cmath>

#include "data/resize.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

double triangle(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic convolution with a = -1/2.
double cubic(double x) {
  constexpr double kA = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0.0;
}

std::int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

void compute_weights(Filter filter, int source_extent, float low, float high, int output_extent, int first,
                     int count, FilterWeights& out) {
  CF_CHECK(low >= 0 && high <= static_cast<float>(source_extent) && low < high, "resize of [", low, ", ",
           high, ") of ", source_extent, " pixels");
  CF_CHECK(first >= 0 && count > 0 && first + count <= output_extent, "pixels [", first, ", +", count,
           ") of ", output_extent);
  const double scale = static_cast<double>(high - low) / output_extent;
  const double stretch = scale < 1.0 ? 1.0 : scale;  // antialiasing: the filter widens with the step
  const double support = (filter == Filter::Bilinear ? 1.0 : 2.0) * stretch;
  const double inverse_stretch = 1.0 / stretch;
  out.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
  out.taps.resize(static_cast<std::size_t>(count));
  out.weights.assign(static_cast<std::size_t>(count) * static_cast<std::size_t>(out.stride), 0);
  std::vector<double>& exact = out.exact;
  exact.resize(static_cast<std::size_t>(out.stride));
  for (int i = 0; i < count; ++i) {
    const double centre = static_cast<double>(low) + (first + i + 0.5) * scale;
    const int begin = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(source_extent, static_cast<int>(centre + support + 0.5));
    double sum = 0;
    for (int x = begin; x < end; ++x) {
      const double distance = (x - centre + 0.5) * inverse_stretch;
      const double weight = filter == Filter::Bilinear ? triangle(distance) : cubic(distance);
      exact[static_cast<std::size_t>(x - begin)] = weight;
      sum += weight;
    }
    out.taps[static_cast<std::size_t>(i)] = {begin, end - begin};
    std::int32_t* weights = out.weights.data() + static_cast<std::ptrdiff_t>(i) * out.stride;
    for (int x = 0; x < end - begin; ++x) {
      const double weight = exact[static_cast<std::size_t>(x)];
      weights[x] = fixed_point(sum != 0.0 ? weight / sum : weight);
    }
  }
}

}  // namespace cf::data
