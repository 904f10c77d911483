// What convolutions and linear layers are, said another way than by their formula; at place Cpu.
#include <gtest/gtest.h>

#include <vector>

#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/linear/linear.h"
#include "kernels/patch_conv/patch_conv.h"
#include "tests/kernels/random_vector.h"

namespace cf::kernels {
namespace {

using Floats = std::vector<float>;

Floats random_floats(std::int64_t size, std::uint64_t seed) { return random_normal<float>(size, seed); }

// Runs a kernel on two threads with the workspace it asks for.
template <class Args, class Kernel>
void run(Args args, const Kernel& kernel) {
  Threads threads(2);
  const Cpu place{&threads};
  std::vector<std::byte> workspace(workspace_bytes(place, args));
  args.workspace = workspace;
  kernel(place, args);
}

Floats convolve(const Floats& x, const Floats& weight, N n, H h, W w, std::int64_t channels) {
  Floats y(x.size());
  run(GroupedConvForward<float>{.x = {x.data(), n, h, w, C{channels}},
                                .weight = {weight.data(), K{channels}, R{3}, S{3}, C{8}},
                                .y = {y.data(), n, h, w, K{channels}}},
      [](Cpu place, const auto& args) { grouped_conv(place, args); });
  return y;
}

TEST(GroupedConv, CommutesWithTranslation) {
  const N n{2};
  const H h{9};
  const W w{13};
  const std::int64_t channels = 16;
  const Floats weight = random_floats(channels * 72, 1), x = random_floats(2 * 9 * 13 * channels, 2);
  const View<const float, N, H, W, C> image(x.data(), n, h, w, C{channels});
  Floats moved(x.size());
  const View<float, N, H, W, C> moved_image(moved.data(), n, h, w, C{channels});
  const std::int64_t down = 1, right = 2;
  for (N i : range(n)) {
    for (H row{down}; row < h; ++row) {
      for (W column{right}; column < w; ++column) {
        for (C c : range(C{channels}))
          moved_image(i, row, column, c) = image(i, row - down, column - right, c);
      }
    }
  }
  const Floats y = convolve(x, weight, n, h, w, channels),
               moved_y = convolve(moved, weight, n, h, w, channels);
  const View<const float, N, H, W, K> before(y.data(), n, h, w, K{channels}),
      after(moved_y.data(), n, h, w, K{channels});
  for (N i : range(n)) {
    for (H row{down + 1}; row < h - 1; ++row) {
      for (W column{right + 1}; column < w - 1; ++column) {
        for (K k : range(K{channels})) {
          ASSERT_EQ(after(i, row, column, k), before(i, row - down, column - right, k))
              << "row " << row.value << " column " << column.value << " channel " << k.value;
        }
      }
    }
  }
}

TEST(GroupedConv, AGroupSeesItsOwnChannelsOnly) {
  const std::int64_t channels = 24, pixels = 5 * 6;
  const Floats weight = random_floats(channels * 72, 3);
  Floats x = random_floats(pixels * channels, 4);
  const Floats before = convolve(x, weight, N{1}, H{5}, W{6}, channels);
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel)
    x[static_cast<std::size_t>(pixel * channels + 8)] += 1;
  const Floats after = convolve(x, weight, N{1}, H{5}, W{6}, channels);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i] == after[i], i % 24 / 8 != 1) << "channel " << i % 24;
  }
}

Floats multiply(const Floats& x, const Floats& weight, std::int64_t m, std::int64_t c, std::int64_t k) {
  Floats y(static_cast<std::size_t>(m * k));
  run(LinearForward<float>{.x = {x.data(), M{m}, C{c}},
                           .weight = {weight.data(), K{k}, C{c}},
                           .bias = {},
                           .y = {y.data(), M{m}, K{k}}},
      [](Cpu place, const auto& args) { linear(place, args); });
  return y;
}

TEST(PatchConv, IsALinearLayerOnPatches) {
  const std::int64_t n = 3, h = 9, w = 11, c = 5, k = 12, r = 2, s = 2, p = 4, q = 5;
  const Floats x = random_floats(n * h * w * c, 1), weight = random_floats(k * r * s * c, 2);
  Floats y(static_cast<std::size_t>(n * p * q * k));
  run(PatchConvForward<float>{.x = {x.data(), N{n}, H{h}, W{w}, C{c}},
                              .weight = {weight.data(), K{k}, R{r}, S{s}, C{c}},
                              .y = {y.data(), N{n}, P{p}, Q{q}, K{k}}},
      [](Cpu place, const auto& args) { patch_conv(place, args); });
  Floats patches;
  for (std::int64_t patch = 0; patch < n * p * q; ++patch) {
    const std::int64_t sample = patch / (p * q), row = patch / q % p, column = patch % q;
    for (std::int64_t i = 0; i < r; ++i) {
      const auto first = x.begin() + ((sample * h + row * r + i) * w + column * s) * c;
      patches.insert(patches.end(), first, first + s * c);
    }
  }
  EXPECT_EQ(y, multiply(patches, weight, n * p * q, r * s * c, k));
}

TEST(Linear, OfPartsIsPartsOfLinear) {
  const std::int64_t m = 211, c = 24, k = 30, cut = 77;
  const Floats x = random_floats(m * c, 1), weight = random_floats(k * c, 2);
  const Floats first(x.begin(), x.begin() + cut * c), second(x.begin() + cut * c, x.end());
  Floats parts = multiply(first, weight, cut, c, k);
  const Floats rest = multiply(second, weight, m - cut, c, k);
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(parts, multiply(x, weight, m, c, k));
}

}  // namespace
}  // namespace cf::kernels
