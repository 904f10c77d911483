// MBConv fused: equal to its layers, refusals, and what its tilings promise.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/activation/activation.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/linear/linear.h"
#include "kernels/mbconv_forward/hopper_few_images.h"
#include "kernels/mbconv_forward/hopper_tiling.h"
#include "kernels/mbconv_forward/mbconv_forward.h"
#include "kernels/mbconv_forward/portable_tiling.h"
#include "kernels/squeeze_excite/squeeze_excite.h"
#include "tests/kernels/random_vector.h"

namespace cf::kernels {
namespace {

// What the layers of a block are made of; the norms are those of fold_norm, tested with convfirst.
struct Block {
  N n{2};
  H h{5};
  W w{4};
  C c{12};
  E e{24};
  D d{3};
  std::vector<double> x = random_normal(n.value * h.value * w.value * c.value, 1),
                      expand = random_normal(e.value * c.value, 2, 0, 0.3),
                      expand_bias = random_normal(e.value, 3),
                      conv = random_normal(e.value * 9 * kGroupWidth, 4, 0, 0.1),
                      conv_bias = random_normal(e.value, 5), squeeze = random_normal(d.value * e.value, 6),
                      squeeze_bias = random_normal(d.value, 7), excite = random_normal(e.value * d.value, 8),
                      excite_bias = random_normal(e.value, 9),
                      project = random_normal(c.value * e.value, 10, 0, 0.2),
                      project_bias = random_normal(c.value, 11);

  std::int64_t pixels() const { return n.value * h.value * w.value; }

  std::vector<double> fused(Activation activation) const {
    std::vector<double> y(x.size());
    mbconv(Reference{}, MBConvForward<double>{.x = {x.data(), n, h, w, c},
                                              .expand = {expand.data(), e, c},
                                              .expand_bias = {expand_bias.data(), e},
                                              .conv = {conv.data(), K{e.value}, R{3}, S{3}, C{kGroupWidth}},
                                              .conv_bias = {conv_bias.data(), e},
                                              .squeeze = {squeeze.data(), d, e},
                                              .squeeze_bias = {squeeze_bias.data(), d},
                                              .excite = {excite.data(), e, d},
                                              .excite_bias = {excite_bias.data(), e},
                                              .project = {project.data(), c, e},
                                              .project_bias = {project_bias.data(), c},
                                              .activation = activation,
                                              .y = {y.data(), n, h, w, c}});
    return y;
  }
};

void activate(Activation kind, std::vector<double>& x) {
  const I size{static_cast<std::int64_t>(x.size())};
  activation(Reference{},
             ActivationForward<double>{.x = {x.data(), size}, .activation = kind, .y = {x.data(), size}});
}

std::vector<double> product(const std::vector<double>& x, std::int64_t depth,
                            const std::vector<double>& weight, const std::vector<double>& bias) {
  const M rows{static_cast<std::int64_t>(x.size()) / depth};
  const K columns{static_cast<std::int64_t>(bias.size())};
  std::vector<double> y(static_cast<std::size_t>(rows.value * columns.value));
  linear(Reference{}, LinearForward<double>{.x = {x.data(), rows, C{depth}},
                                            .weight = {weight.data(), columns, C{depth}},
                                            .bias = {bias.data(), columns},
                                            .y = {y.data(), rows, columns}});
  return y;
}

class MBConvForwardOf : public testing::TestWithParam<Activation> {};

TEST_P(MBConvForwardOf, EqualsItsLayers) {
  const Block b;
  const C hidden{b.e.value};
  auto t = product(b.x, b.c.value, b.expand, b.expand_bias);
  activate(GetParam(), t);
  std::vector<double> u(t.size());
  grouped_conv(Reference{}, GroupedConvForward<double>{
                                .x = {t.data(), b.n, b.h, b.w, hidden},
                                .weight = {b.conv.data(), K{hidden.value}, R{3}, S{3}, C{kGroupWidth}},
                                .y = {u.data(), b.n, b.h, b.w, K{hidden.value}}});
  for (std::size_t i = 0; i < u.size(); ++i) u[i] += b.conv_bias[i % b.conv_bias.size()];
  activate(GetParam(), u);
  const auto of_sample = [&](std::int64_t size) {
    return std::vector<double>(static_cast<std::size_t>(b.n.value * size));
  };
  auto pooled = of_sample(hidden.value), squeezed = of_sample(b.d.value), gate = of_sample(hidden.value);
  std::vector<double> gated(u.size());
  squeeze_excite(Reference{}, SqueezeExciteForward<double>{.x = {u.data(), b.n, b.h, b.w, hidden},
                                                           .reduce_weight = {b.squeeze.data(), b.d, hidden},
                                                           .reduce_bias = {b.squeeze_bias.data(), b.d},
                                                           .expand_weight = {b.excite.data(), hidden, b.d},
                                                           .expand_bias = {b.excite_bias.data(), hidden},
                                                           .pooled = {pooled.data(), b.n, hidden},
                                                           .squeezed = {squeezed.data(), b.n, b.d},
                                                           .gate = {gate.data(), b.n, hidden},
                                                           .y = {gated.data(), b.n, b.h, b.w, hidden}});
  auto expected = product(gated, hidden.value, b.project, b.project_bias);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += b.x[i];
  const auto y = b.fused(GetParam());
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-11) << "element " << i;
}

INSTANTIATE_TEST_SUITE_P(All, MBConvForwardOf,
                         testing::Values(Activation::Relu, Activation::Silu, Activation::HardSwish),
                         [](const auto& of) { return std::string(name_of(of.param)); });

TEST(MBConvForward, RefusesExtentsThatDoNotFit) {
  const auto call = [](std::int64_t c, std::int64_t k, std::int64_t d) -> std::string {
    try {
      mbconv(Reference{}, MBConvForward<float>{.x = {nullptr, N{1}, H{4}, W{4}, C{16}},
                                               .expand = {nullptr, E{32}, C{c}},
                                               .expand_bias = {nullptr, E{32}},
                                               .conv = {nullptr, K{k}, R{3}, S{3}, C{8}},
                                               .conv_bias = {nullptr, E{32}},
                                               .squeeze = {nullptr, D{4}, E{32}},
                                               .squeeze_bias = {nullptr, D{4}},
                                               .excite = {nullptr, E{32}, D{d}},
                                               .excite_bias = {nullptr, E{32}},
                                               .project = {nullptr, C{16}, E{32}},
                                               .project_bias = {nullptr, C{16}},
                                               .activation = Activation::Relu,
                                               .y = {nullptr, N{1}, H{4}, W{4}, C{16}}});
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(call(24, 32, 4), "mbconv forward: x has C=16, expand has C=24");
  EXPECT_EQ(call(16, 40, 4), "mbconv forward: expand has E=32, conv has K=40, must be equal");
  EXPECT_EQ(call(16, 32, 5), "mbconv forward: squeeze has D=4, excite has D=5");
}

// Tiles cover each image, and a region is never larger than a block has room for.
TEST(MBConvTiling, CoversEveryImageWithinItsRegion) {
  for (const std::int64_t height : {1, 2, 7, 14, 16, 17, 19, 56, 255, 256, 257, 1000}) {
    for (const std::int64_t width : {1, 3, 7, 14, 16, 17, 84, 85, 86, 255, 256, 300, 1000}) {
      const MBConvTiling t = mbconv_tiling(height, width);
      const auto where = concat("H=", height, " W=", width);
      EXPECT_LE(t.region_pixels(), MBConvTiling::kMostPixels) << where;
      EXPECT_GE(t.down * t.rows, height) << where;
      EXPECT_GE(t.across * t.columns, width) << where;
      EXPECT_EQ(t.border_rows, t.down > 1 ? 1 : 0) << where;
      EXPECT_EQ(t.border_columns, t.across > 1 ? 1 : 0) << where;
      EXPECT_GE(t.images, 1) << where;
      EXPECT_TRUE(t.images == 1 || t.tiles_of_image() == 1) << where;
    }
  }
}

TEST(MBConvTiling, SlicesOfTheBatchAreWholeGroups) {
  EXPECT_EQ(mbconv_slice_images(128, 14 * 14 * 1024 * 2, 1), 128);
  EXPECT_EQ(mbconv_slice_images(256, 14 * 14 * 1024 * 2, 1), 128);
  EXPECT_EQ(mbconv_slice_images(1, std::int64_t{1} << 32, 1), 1);
  EXPECT_EQ(mbconv_slice_images(1000, 1'000'000, 5), 50);
  EXPECT_EQ(mbconv_slice_images(3, 100, 5), 3);
  // Those of the cases with a limit of their own.
  EXPECT_EQ(mbconv_slice_images(12, 7 * 7 * 128 * 2, mbconv_tiling(7, 7).images, 70'000), 5);
  EXPECT_EQ(mbconv_slice_images(3, 14 * 14 * 64 * 2, mbconv_tiling(14, 14).images, 60'000), 2);
  EXPECT_EQ(mbconv_slice_images(5, 19 * 15 * 32 * 2, mbconv_tiling(19, 15).images, 40'000), 2);
}

TEST(MBConvHopperTiling, FitsWhatAHopperGpuGrants) {
  constexpr std::int64_t kGranted = 227 * 1024;
  const auto tiling = [](std::int64_t samples, std::int64_t side, std::int64_t channels) {
    return mbconv_hopper_tiling(samples, side, side, channels, kGranted);
  };
  const auto one = tiling(128, 14, 256);
  EXPECT_EQ(one.images, 1);
  EXPECT_EQ(one.columns, 200);
  EXPECT_EQ(one.slots, 4) << "the weights of one product";
  const auto two = tiling(128, 7, 512);
  EXPECT_EQ(two.images, 2);
  EXPECT_EQ(two.columns, 104);
  EXPECT_EQ(tiling(128, 7, 256).images, 4);
  EXPECT_EQ(tiling(128, 17, 64).shared_bytes, 0) << "rows are longer than two matrices";
  EXPECT_EQ(tiling(128, 14, 768).shared_bytes, 0) << "x does not fit";
  for (const std::int64_t side : {1, 2, 3, 7, 8, 14, 15, 16}) {
    for (const std::int64_t channels : {8, 64, 136, 256, 512, 768}) {
      const auto t = tiling(67, side, channels);
      if (t.shared_bytes == 0) continue;
      EXPECT_LE(t.shared_bytes, kGranted);
      EXPECT_LE(t.images * side * side, t.columns);
      EXPECT_GT(t.image_rows, side);
      EXPECT_GE(t.slots, 3);
    }
  }
}

TEST(MBConvHopperTiling, TakesTheWarpgroupsThatFinishFirst) {
  EXPECT_EQ(mbconv_project_teams(128 * 14 * 14, 256, 132), 3);
  EXPECT_EQ(mbconv_project_teams(128 * 7 * 7, 512, 132), 2);
  EXPECT_EQ(mbconv_project_teams(49, 512, 132), 1);
}

TEST(MBConvFewTiling, IsForABatchWhoseBlocksAllRunAtOnce) {
  constexpr std::int64_t kGranted = 227 * 1024;
  const auto tiling = [](std::int64_t images, std::int64_t side, std::int64_t channels) {
    return mbconv_few_tiling(images, side * side, channels, 4 * channels, channels / 4, 132, kGranted);
  };
  EXPECT_EQ(tiling(1, 14, 256).columns, 128);
  EXPECT_EQ(tiling(1, 7, 512).columns, 64) << "with 128 the weights of the gates do not fit beside";
  EXPECT_GT(tiling(2, 14, 256).shared_bytes, 0) << "128 blocks";
  EXPECT_EQ(tiling(3, 14, 256).shared_bytes, 0) << "192 blocks";
  EXPECT_EQ(tiling(1, 7, 1024).shared_bytes, 0) << "more hidden channels of a block than a box has rows";
  EXPECT_EQ(tiling(1, 7, 16).shared_bytes, 0) << "rows of 4 squeezed channels are not whole pieces";
  for (const std::int64_t channels : {32, 64, 96, 256, 288, 512}) {
    const auto t = tiling(1, 7, channels);
    EXPECT_LE(t.shared_bytes, kGranted);
    EXPECT_GE(t.depth() * MBConvFewTiling::kBlocks, 4 * channels);
    EXPECT_GE(t.squeezed_rows, channels / 4);
    for (const int offset : {t.project(), t.squeeze(), t.excite(), t.parts()}) EXPECT_EQ(offset % 1024, 0);
    EXPECT_EQ(t.barriers() % 8, 0);
  }
}

}  // namespace
}  // namespace cf::kernels
