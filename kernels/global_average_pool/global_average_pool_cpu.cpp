#include <algorithm>

#include "kernels/base/parallel.h"
#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/global_average_pool/global_average_pool_check.h"

namespace cf::kernels {

namespace {
constexpr double kNanosecondsPerElement = 0.2;  // of one thread
}

void global_average_pool(Cpu place, const GlobalAveragePoolForward<float>& a) {
  check(a);
  const auto pixels = a.x.extent<H>().value * a.x.extent<W>().value, channels = a.x.extent<C>().value;
  const double cost = kNanosecondsPerElement * static_cast<double>(pixels * channels);
  parallel(place, a.x.extent<N>().value, 1, cost, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      const float* x = a.x.at(N{n});
      float* y = a.y.at(N{n});
      std::copy(x, x + channels, y);
      for (std::int64_t pixel = 1; pixel < pixels; ++pixel) {
        for (std::int64_t c = 0; c < channels; ++c) y[c] += x[pixel * channels + c];
      }
      for (std::int64_t c = 0; c < channels; ++c) y[c] /= static_cast<float>(pixels);
    }
  });
}

void global_average_pool(Cpu place, const GlobalAveragePoolBackward<float>& a) {
  check(a);
  const auto pixels = a.dx.extent<H>().value * a.dx.extent<W>().value, channels = a.dx.extent<C>().value;
  const double cost = kNanosecondsPerElement * static_cast<double>(pixels * channels);
  parallel(place, a.dx.extent<N>().value, 1, cost, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      const float* dy = a.dy.at(N{n});
      float* dx = a.dx.at(N{n});
      for (std::int64_t c = 0; c < channels; ++c) dx[c] = dy[c] / static_cast<float>(pixels);
      for (std::int64_t pixel = 1; pixel < pixels; ++pixel)
        std::copy(dx, dx + channels, dx + pixel * channels);
    }
  });
}

}  // namespace cf::kernels
