// How the patch convolution by wgmma cuts its work, without a GPU.
#include "kernels/patch_conv/patch_conv_tiling.h"

#include <gtest/gtest.h>

namespace cf::kernels {
namespace {

using Tiling = PatchConvTiling;

constexpr int kMultiprocessors = 132;
constexpr std::int64_t kShared = 227 * 1024;

TEST(PatchConvTiling, CoversEveryPatchOnceAndFits) {
  const PatchConvLines problems[] = {{1, 3584, 28, 128, 256}, {1, 28, 28, 128, 256}, {9, 14, 22, 32, 32},
                                     {128, 3, 3, 64, 96},     {1, 7, 7, 512, 1024},  {3, 5, 200, 96, 64}};
  for (const PatchConvLines& p : problems) {
    for (const int multiprocessors : {1, kMultiprocessors}) {
      const Tiling t = patch_conv_tiling(p, multiprocessors, kShared);
      ASSERT_GT(t.shared_bytes, 0) << p.across;
      EXPECT_LE(t.shared_bytes, kShared);
      EXPECT_LE(t.images * t.lines * p.across, t.teams * Tiling::kTeamRows);
      EXPECT_TRUE(t.images == 1 || t.lines == p.lines);
      EXPECT_GE(t.line_tiles * t.lines, p.lines);
      EXPECT_LT((t.line_tiles - 1) * t.lines, p.lines);
      EXPECT_GE(t.image_tiles * t.images, p.images);
      EXPECT_LT((t.image_tiles - 1) * t.images, p.images);
      EXPECT_GE(t.column_tiles * t.columns, p.channels);
      EXPECT_LT((t.column_tiles - 1) * t.columns, p.channels);
    }
  }
}

TEST(PatchConvTiling, GivesOneImageToManyMultiprocessors) {
  EXPECT_EQ(patch_conv_tiling({1, 7, 7, 512, 1024}, kMultiprocessors, kShared).tiles(), 16);
  EXPECT_EQ(patch_conv_tiling({1, 896, 7, 512, 1024}, kMultiprocessors, kShared).columns, 128);
}

TEST(PatchConvTiling, RefusesLinesThatNoBlockHolds) {
  EXPECT_EQ(patch_conv_tiling({1, 4, 257, 64, 256}, kMultiprocessors, kShared).shared_bytes, 0);
  EXPECT_EQ(patch_conv_tiling({1, 4, 28, 64, 256}, kMultiprocessors, 16 * 1024).shared_bytes, 0);
}

}  // namespace
}  // namespace cf::kernels
