#include "framework/ops/normalize_image.h"

#include "kernels/normalize_image/normalize_image.h"

namespace cf {

Tensor normalize_image(Executor& executor, View<const std::uint8_t, N, H, W, C> images,
                       const Normalization& normalization, DType dtype) {
  const auto channels = static_cast<std::int64_t>(normalization.mean.size());
  CF_CHECK(normalization.deviation.size() == normalization.mean.size(), "a normalization with ", channels,
           " means and ", normalization.deviation.size(), " deviations");
  Tensor y = executor.empty(
      dtype, Shape(images.extent<N>(), images.extent<H>(), images.extent<W>(), images.extent<C>()));
  executor.at(dtype, [&]<class T>(auto place) {
    kernels::normalize_image(
        place, kernels::NormalizeImage<T>{.x = images,
                                          .mean = {normalization.mean.data(), C{channels}},
                                          .deviation = {normalization.deviation.data(), C{channels}},
                                          .y = y.view<T, N, H, W, C>()});
  });
  return y;
}

}  // namespace cf
