#include "framework/ops/normalize_image.h"

#include "kernels/normalize_image/normalize_image.h"

namespace cf {

Tensor normalize_image(Executor& executor, View<const std::uint8_t, N, H, W, C> images,
                       const Normalization& normalization, DType dtype) {
  const C channels = images.extent<C>();
  CF_CHECK(static_cast<std::int64_t>(normalization.mean.size()) == channels.value &&
               normalization.deviation.size() == normalization.mean.size(),
           "a normalization with ", normalization.mean.size(), " means and ", normalization.deviation.size(),
           " deviations, images have ", channels.value, " channels");
  const Shape shape(images.extent<N>(), images.extent<H>(), images.extent<W>(), channels);
  const auto bytes =
      executor.place<std::uint8_t>({images.data(), static_cast<std::size_t>(images.size())}, shape);
  const auto mean = executor.place<float>(normalization.mean, Shape(channels));
  const auto deviation = executor.place<float>(normalization.deviation, Shape(channels));
  Tensor y = executor.empty(dtype, shape);
  executor.at(dtype, [&]<class T>(auto place) {
    kernels::normalize_image(place,
                             kernels::NormalizeImage<T>{.x = bytes.view<const std::uint8_t, N, H, W, C>(),
                                                        .mean = mean.view<const float, C>(),
                                                        .deviation = deviation.view<const float, C>(),
                                                        .y = y.view<T, N, H, W, C>()});
  });
  return y;
}

}  // namespace cf
