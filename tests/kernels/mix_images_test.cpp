#include "kernels/mix_images/mix_images.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/philox.h"
#include "kernels/normalize_image/normalize_image.h"

namespace cf::kernels {
namespace {

constexpr std::int64_t kImages = 5, kImageHeight = 4, kImageWidth = 6, kImageChannels = 3;
constexpr std::int64_t kImageSize = kImageHeight * kImageWidth * kImageChannels;

struct Batch {
  std::vector<std::uint8_t> x = std::vector<std::uint8_t>(kImages * kImageSize);
  std::vector<float> mean{0.4F, 0.5F, 0.6F}, deviation{0.2F, 0.3F, 0.25F},
      share = std::vector<float>(kImages, 1);
  std::vector<std::int64_t> box = std::vector<std::int64_t>(kImages * 4, 0);

  Batch() {
    Philox draw(3, Purpose::Test);
    for (auto& value : x) value = static_cast<std::uint8_t>(draw.below(256));
  }
  std::vector<double> mixed() const {
    std::vector<double> y(x.size());
    mix_images(
        Reference{},
        MixImages<double>{.x = {x.data(), N{kImages}, H{kImageHeight}, W{kImageWidth}, C{kImageChannels}},
                          .mean = {mean.data(), C{kImageChannels}},
                          .deviation = {deviation.data(), C{kImageChannels}},
                          .share = {share.data(), N{kImages}},
                          .box = {box.data(), N{kImages}, K{4}},
                          .y = {y.data(), N{kImages}, H{kImageHeight}, W{kImageWidth}, C{kImageChannels}}});
    return y;
  }
  std::vector<double> plain() const {
    std::vector<double> y(x.size());
    normalize_image(Reference{},
                    NormalizeImage<double>{
                        .x = {x.data(), N{kImages}, H{kImageHeight}, W{kImageWidth}, C{kImageChannels}},
                        .mean = {mean.data(), C{kImageChannels}},
                        .deviation = {deviation.data(), C{kImageChannels}},
                        .y = {y.data(), N{kImages}, H{kImageHeight}, W{kImageWidth}, C{kImageChannels}}});
    return y;
  }
};

std::size_t at(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
  return static_cast<std::size_t>(((n * kImageHeight + h) * kImageWidth + w) * kImageChannels + c);
}

// What the formula gives, pixel by pixel; partners are 0 and 1, 2 and 3, and 4 alone.
TEST(MixImages, EachPixelIsOwnOrMixedOrThePartners) {
  Batch batch;
  batch.share = {0.75F, 1, 0.25F, 0.5F, 0.5F};
  const std::vector<std::int64_t> boxes{1, 2, 3, 5, 0, 0, 4, 1, 2, 2, 2, 6, 3, 5, 4, 6, 0, 0, 2, 2};
  batch.box = boxes;
  const auto plain = batch.plain(), mixed = batch.mixed();
  const std::int64_t partners[] = {1, 0, 3, 2, 4};
  for (std::int64_t n = 0; n < kImages; ++n) {
    const std::int64_t* box = boxes.data() + 4 * n;
    for (std::int64_t h = 0; h < kImageHeight; ++h) {
      for (std::int64_t w = 0; w < kImageWidth; ++w) {
        const bool inside = h >= box[0] && h < box[2] && w >= box[1] && w < box[3];
        const double own = inside ? 0 : static_cast<double>(batch.share[static_cast<std::size_t>(n)]);
        for (std::int64_t c = 0; c < kImageChannels; ++c) {
          const double expected = own * plain[at(n, h, w, c)] + (1 - own) * plain[at(partners[n], h, w, c)];
          ASSERT_NEAR(mixed[at(n, h, w, c)], expected, 1e-12) << n << " " << h << " " << w;
        }
      }
    }
  }
}

TEST(MixImages, WithoutShareAndBoxItIsNormalizeImage) {
  const Batch batch;
  EXPECT_EQ(batch.mixed(), batch.plain());
}

TEST(MixImages, ABoxHasFourEdges) {
  Batch batch;
  try {
    mix_images(Reference{}, MixImages<double>{.x = {batch.x.data(), N{1}, H{1}, W{1}, C{1}},
                                              .mean = {batch.mean.data(), C{1}},
                                              .deviation = {batch.deviation.data(), C{1}},
                                              .share = {batch.share.data(), N{1}},
                                              .box = {batch.box.data(), N{1}, K{3}},
                                              .y = {nullptr, N{1}, H{1}, W{1}, C{1}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "mix_images: box has K=3, must have 4");
  }
}

}  // namespace
}  // namespace cf::kernels
