// ConvFirst fused: equal to its layers, refusals, and what its tiling promises.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/activation/activation.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/convfirst_forward/convfirst_route.h"
#include "kernels/convfirst_forward/hopper_tiling.h"
#include "kernels/convfirst_forward/portable_tiling.h"
#include "kernels/fold_norm/fold_norm.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/linear/linear.h"
#include "kernels/residual/residual.h"
#include "tests/kernels/random_vector.h"

namespace cf::kernels {
namespace {

std::vector<double> random_positive(std::int64_t size, std::uint64_t seed) {
  auto values = random_normal(size, seed);
  for (double& value : values) value = 0.3 + std::abs(value);
  return values;
}

// A weight [rows, depth] and the batch norm behind it.
struct NormedLayer {
  std::int64_t rows, depth;
  std::vector<double> weight, mean, variance, gamma, bias;

  NormedLayer(std::int64_t layer_rows, std::int64_t layer_depth, std::uint64_t seed)
      : rows(layer_rows),
        depth(layer_depth),
        weight(random_normal(rows * depth, seed, 0, 1 / std::sqrt(static_cast<double>(depth)))),
        mean(random_normal(rows, seed + 1)),
        variance(random_positive(rows, seed + 2)),
        gamma(random_normal(rows, seed + 3)),
        bias(random_normal(rows, seed + 4)) {}

  template <class A>
  static View<const double, A> view(const std::vector<double>& values) {
    return {values.data(), A{static_cast<std::int64_t>(values.size())}};
  }

  // norm(x) with the activation behind it, in place.
  void normalize(std::vector<double>& x, Activation activation) const {
    std::vector<double> scale(mean.size()), shift(mean.size());
    batch_norm(Reference{}, BatchNormFold<double>{.mean = view<C>(mean),
                                                  .variance = view<C>(variance),
                                                  .gamma = view<C>(gamma),
                                                  .bias = view<C>(bias),
                                                  .rstd = {},
                                                  .scale = {scale.data(), C{rows}},
                                                  .shift = {shift.data(), C{rows}}});
    const M pixels{static_cast<std::int64_t>(x.size()) / rows};
    batch_norm(Reference{}, BatchNormApply<double>{.x = {x.data(), pixels, C{rows}},
                                                   .scale = view<C>(scale),
                                                   .shift = view<C>(shift),
                                                   .activation = activation,
                                                   .y = {x.data(), pixels, C{rows}}});
  }
};

struct FoldedLayer {
  std::vector<double> weight, shift;

  explicit FoldedLayer(const NormedLayer& layer)
      : weight(layer.weight.size()), shift(static_cast<std::size_t>(layer.rows)) {
    fold_norm(Reference{}, FoldNorm<double>{.weight = {layer.weight.data(), K{layer.rows}, I{layer.depth}},
                                            .mean = layer.view<K>(layer.mean),
                                            .variance = layer.view<K>(layer.variance),
                                            .gamma = layer.view<K>(layer.gamma),
                                            .bias = layer.view<K>(layer.bias),
                                            .folded = {weight.data(), K{layer.rows}, I{layer.depth}},
                                            .shift = {shift.data(), K{layer.rows}}});
  }
};

std::vector<double> product(const NormedLayer& layer, const std::vector<double>& x, M pixels) {
  std::vector<double> y(static_cast<std::size_t>(pixels.value * layer.rows));
  linear(Reference{}, LinearForward<double>{.x = {x.data(), pixels, C{layer.depth}},
                                            .weight = {layer.weight.data(), K{layer.rows}, C{layer.depth}},
                                            .bias = {},
                                            .y = {y.data(), pixels, K{layer.rows}}});
  return y;
}

TEST(ConvFirstForward, EqualsItsLayersWithTheirNorms) {
  const N n{2};
  const H h{5};
  const W w{4};
  const C c{16};
  const E e{48};
  const M pixels{n.value * h.value * w.value};
  const auto x = random_normal(pixels.value * c.value, 1);
  const NormedLayer conv(c.value, 9 * kGroupWidth, 10), expand(e.value, c.value, 20),
      project(c.value, e.value, 30);

  std::vector<double> u(x.size());
  const View<const double, N, H, W, C> image(x.data(), n, h, w, c);
  grouped_conv(Reference{}, GroupedConvForward<double>{
                                .x = image,
                                .weight = {conv.weight.data(), K{c.value}, R{3}, S{3}, C{kGroupWidth}},
                                .y = {u.data(), n, h, w, K{c.value}}});
  conv.normalize(u, Activation::None);
  auto hidden = product(expand, u, pixels);
  expand.normalize(hidden, Activation::Relu);
  auto expected = product(project, hidden, pixels);
  project.normalize(expected, Activation::None);
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] += x[i];

  const FoldedLayer folded_conv(conv), folded_expand(expand), folded_project(project);
  std::vector<double> y(x.size());
  convfirst(Reference{}, ConvFirstForward<double>{
                             .x = image,
                             .conv = {folded_conv.weight.data(), K{c.value}, R{3}, S{3}, C{kGroupWidth}},
                             .conv_bias = {folded_conv.shift.data(), c},
                             .expand = {folded_expand.weight.data(), e, c},
                             .expand_bias = {folded_expand.shift.data(), e},
                             .project = {folded_project.weight.data(), c, e},
                             .project_bias = {folded_project.shift.data(), c},
                             .y = {y.data(), n, h, w, c}});
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-11) << "element " << i;
}

TEST(ConvFirstForward, RefusesExtentsThatDoNotFit) {
  const auto call = [](std::int64_t c, std::int64_t k, std::int64_t e) -> std::string {
    try {
      convfirst(Reference{}, ConvFirstForward<float>{.x = {nullptr, N{1}, H{4}, W{4}, C{c}},
                                                     .conv = {nullptr, K{k}, R{3}, S{3}, C{8}},
                                                     .conv_bias = {nullptr, C{c}},
                                                     .expand = {nullptr, E{e}, C{c}},
                                                     .expand_bias = {nullptr, E{e}},
                                                     .project = {nullptr, C{c}, E{32}},
                                                     .project_bias = {nullptr, C{c}},
                                                     .y = {nullptr, N{1}, H{4}, W{4}, C{c}}});
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(call(16, 24, 32), "convfirst forward: x has C=16, conv has K=24, must be equal");
  EXPECT_EQ(call(12, 12, 32), "convfirst forward: conv has K=12, must be a multiple of 8");
  EXPECT_EQ(call(16, 16, 48), "convfirst forward: expand has E=48, project has E=32");
}

// Whatever the shape, a GPU that grants 99 KB runs it, and a ring is shorter than what passes through it.
TEST(ConvFirstTiling, FitsSmallSharedMemory) {
  constexpr std::int64_t kLimit = 99 * 1024;
  for (std::int64_t channels = 8; channels <= kConvFirstMostChannels; channels += 8) {
    const auto tile = convfirst_tile(convfirst_padded_channels(channels));
    for (std::int64_t expansion = 1; expansion <= 8; ++expansion) {
      for (const std::int64_t width : {1, 7, 14, 28, 56, 61, 112, 129, 224, 4096}) {
        const auto tiling = convfirst_tiling(tile, {1 << 20, width, expansion * channels}, kLimit, 64);
        ASSERT_GT(tiling.shared_bytes, 0) << "C=" << channels << " expansion " << expansion << " W=" << width;
        EXPECT_LE(tiling.shared_bytes, kLimit);
        EXPECT_LE(tiling.teams * tiling.team_warps, tile.warps);
        EXPECT_TRUE(tiling.resident() || tiling.slots == 2 || tiling.slots == 3);
        EXPECT_EQ(tiling.chunks % tiling.turn, 0);
      }
    }
  }
}

TEST(ConvFirstTiling, KeepsWeightsAtHandWhereTheyFit) {
  const std::int64_t hopper = 227 * 1024;
  EXPECT_TRUE(convfirst_tiling(convfirst_tile(64), {128 * 56 * 56, 56, 384}, hopper, 132).resident());
  EXPECT_FALSE(convfirst_tiling(convfirst_tile(128), {128 * 28 * 28, 28, 768}, hopper, 132).resident());
}

TEST(ConvFirstTiling, HopperLeavesLongRowsAndShortRingsToThePortableRoute) {
  const std::int64_t hopper = 227 * 1024, pixels = 1 << 20;
  for (const bool patches : {false, true}) {
    EXPECT_EQ(hopper_tiling(hopper_tile(64, patches), pixels, 56, 384, hopper, 132).teams, 3) << patches;
    EXPECT_EQ(hopper_tiling(hopper_tile(32, patches), pixels, 56, 192, hopper, 132).teams, 3) << patches;
  }
  EXPECT_EQ(hopper_tiling(hopper_tile(128, false), pixels, 28, 768, hopper, 132).teams, 3);
  EXPECT_EQ(hopper_tiling(hopper_tile(128, false), pixels, 28, 128, hopper, 132).shared_bytes, 0);
  EXPECT_EQ(hopper_tiling(hopper_tile(64, false), pixels, 96, 384, hopper, 132).shared_bytes, 0);
  EXPECT_GT(hopper_tiling(hopper_tile(64, true), pixels, 96, 384, hopper, 132).shared_bytes, 0);
  EXPECT_EQ(hopper_tiling(hopper_tile(64, true), pixels, 56, 384, 99 * 1024, 132).shared_bytes, 0);
}

TEST(ConvFirstTiling, MomentsTakeRoomForTheTeamsThatWorkAlone) {
  const HopperTile tile = feed_forward_hopper_tile(64);
  const auto tiling = [&](std::int64_t pixels) {
    return hopper_tiling(tile, pixels, 1, 384, 227 * 1024, 132);
  };
  const HopperTiling few = tiling(64), many = tiling(1 << 20);
  ASSERT_EQ(few.teams, 1);
  ASSERT_EQ(many.teams, 3);
  const int warps = 8;  // fewer
  const int moments = warps * tile.moments_of_warp() * 4, barriers = 2 * 8;
  EXPECT_EQ(many.shared_bytes - few.shared_bytes, 2 * few.block_bytes + moments + barriers);
}

TEST(FeedForwardRoute, IsTheBlocksWithoutItsNeighbours) {
  const ConvFirstLimits hopper{.shared_memory = 227 * 1024, .multiprocessors = 132, .wgmma = true};
  using Kind = ConvFirstRoute::Kind;
  const std::int64_t pixels = 1 << 20;
  for (const int channels : {32, 64, 128}) {
    const auto route = feed_forward_route(pixels, channels, 6 * channels, hopper);
    EXPECT_EQ(route.kind, Kind::Hopper) << channels;
    EXPECT_FALSE(route.patches) << channels;
    EXPECT_EQ(route.hopper.run_pixels, route.tile_pixels) << channels;
    EXPECT_EQ(route.blocks, 132) << channels;
  }
  EXPECT_EQ(feed_forward_route(pixels, 64, 384, hopper, /*portable_only=*/true).kind, Kind::Portable);
  EXPECT_EQ(feed_forward_route(pixels, 40, 240, hopper).kind, Kind::Portable);
  EXPECT_EQ(feed_forward_route(pixels, 40, 240, hopper).portable.row_stride, 0);
  EXPECT_EQ(feed_forward_route(pixels, 200, 400, hopper).why_none, "C=200, the GPU takes at most 192");
  EXPECT_EQ(feed_forward_route(pixels, 64, 100, hopper).why_none, "E=100, the GPU takes multiples of 8");
}

TEST(ConvFirstTiling, SpreadsFewPixelsOverTheMultiprocessors) {
  EXPECT_EQ(convfirst_tiling(convfirst_tile(64), {56 * 56, 56, 384}, 227 * 1024, 132).teams, 1);
}

}  // namespace
}  // namespace cf::kernels
