#include "framework/ops/normalize_image.h"

#include "kernels/mix_images/mix_images.h"
#include "kernels/normalize_image/normalize_image.h"

namespace cf {

namespace {

Tensor place_channels(Executor& executor, const std::vector<float>& values) {
  return executor.place<float>(values, Shape(C{static_cast<std::int64_t>(values.size())}));
}

}  // namespace

ImageNormalizer::ImageNormalizer(Executor& executor, const Normalization& normalization)
    : mean_(place_channels(executor, normalization.mean)),
      deviation_(place_channels(executor, normalization.deviation)) {
  CF_CHECK(mean_.size() == deviation_.size(), "a normalization with ", mean_.size(), " means and ",
           deviation_.size(), " deviations");
}

void ImageNormalizer::require_channels(const Tensor& images) const {
  CF_CHECK(images.shape().extent<C>().value == mean_.size(), "a normalization with ", mean_.size(),
           " means, images have ", images.shape().extent<C>().value, " channels");
}

Tensor ImageNormalizer::operator()(Executor& executor, const Tensor& images, DType dtype) const {
  require_channels(images);
  Tensor y = executor.empty(dtype, images.shape());
  executor.at(dtype, [&]<class T>(auto place) {
    kernels::normalize_image(place,
                             kernels::NormalizeImage<T>{.x = images.view<const std::uint8_t, N, H, W, C>(),
                                                        .mean = mean_.view<const float, C>(),
                                                        .deviation = deviation_.view<const float, C>(),
                                                        .y = y.view<T, N, H, W, C>()});
  });
  return y;
}

Tensor ImageNormalizer::operator()(Executor& executor, const Tensor& images, const ImageMix& mix,
                                   DType dtype) const {
  require_channels(images);
  Tensor y = executor.empty(dtype, images.shape());
  executor.at(dtype, [&]<class T>(auto place) {
    kernels::mix_images(place, kernels::MixImages<T>{.x = images.view<const std::uint8_t, N, H, W, C>(),
                                                     .mean = mean_.view<const float, C>(),
                                                     .deviation = deviation_.view<const float, C>(),
                                                     .share = mix.share.view<const float, N>(),
                                                     .box = mix.box.view<const std::int64_t, N, K>(),
                                                     .y = y.view<T, N, H, W, C>()});
  });
  return y;
}

Tensor normalize_image(Executor& executor, View<const std::uint8_t, N, H, W, C> images,
                       const Normalization& normalization, DType dtype) {
  const Shape shape(images.extent<N>(), images.extent<H>(), images.extent<W>(), images.extent<C>());
  const auto bytes =
      executor.place<std::uint8_t>({images.data(), static_cast<std::size_t>(images.size())}, shape);
  return ImageNormalizer(executor, normalization)(executor, bytes, dtype);
}

}  // namespace cf
