// Arguments that do not fit together are refused by a message that names kernel, axis and both numbers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/grouped_conv/grouped_conv_backward.h"
#include "kernels/linear/linear.h"
#include "kernels/normalize_image/normalize_image.h"
#include "kernels/patch_conv/patch_conv.h"
#include "kernels/squeeze_excite/squeeze_excite.h"

namespace cf::kernels {
namespace {

// The message a call fails with, at both places.
template <class Kernel>
void expect_refusal(const std::string& message, const Kernel& kernel) {
  Threads threads(1);
  const auto refused = [&](auto place) -> std::string {
    try {
      kernel(place);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(refused(Reference{}), message);
  EXPECT_EQ(refused(Cpu{&threads}), message);
}

TEST(Extents, Linear) {
  expect_refusal("linear forward: x has C=24, weight has C=32", [](auto place) {
    linear(place, LinearForward<float>{.x = {nullptr, M{5}, C{24}},
                                       .weight = {nullptr, K{7}, C{32}},
                                       .bias = {},
                                       .y = {nullptr, M{5}, K{7}}});
  });
  expect_refusal("linear backward input: dy has M=5, dx has M=6", [](auto place) {
    linear(place,
           LinearBackwardInput<float>{
               .dy = {nullptr, M{5}, K{7}}, .weight = {nullptr, K{7}, C{3}}, .dx = {nullptr, M{6}, C{3}}});
  });
  expect_refusal("linear backward weight: dy has K=7, dweight has K=8", [](auto place) {
    linear(place, LinearBackwardWeight<float>{.x = {nullptr, M{5}, C{3}},
                                              .dy = {nullptr, M{5}, K{7}},
                                              .dweight = {nullptr, K{8}, C{3}},
                                              .dbias = {}});
  });
}

TEST(Extents, GroupedConv) {
  const auto forward = [](std::int64_t c, std::int64_t k, std::int64_t r) {
    return [=](auto place) {
      grouped_conv(place, GroupedConvForward<float>{.x = {nullptr, N{1}, H{4}, W{4}, C{c}},
                                                    .weight = {nullptr, K{k}, R{r}, S{3}, C{8}},
                                                    .y = {nullptr, N{1}, H{4}, W{4}, K{k}}});
    };
  };
  expect_refusal("grouped_conv forward: weight has K=12, must be a multiple of 8", forward(12, 12, 3));
  expect_refusal("grouped_conv forward: weight has R=5 S=3, must be 3 and 3", forward(16, 16, 5));
  expect_refusal("grouped_conv forward: x has C=16, y has K=24, must be equal", forward(16, 24, 3));
}

TEST(Extents, NormOfAGroupedConvsInput) {
  const auto forward = [](std::int64_t channels, Activation behind) {
    return [=](auto place) {
      const View<const float, C> vector{nullptr, C{channels}};
      float value = 0;
      grouped_conv(place, GroupedConvForward<float>{.x = {nullptr, N{1}, H{4}, W{4}, C{16}},
                                                    .norm = {.scale = {&value, C{channels}}, .shift = vector},
                                                    .weight = {nullptr, K{16}, R{3}, S{3}, C{8}},
                                                    .activation = behind,
                                                    .y = {nullptr, N{1}, H{4}, W{4}, K{16}}});
    };
  };
  expect_refusal("grouped_conv forward: x has C=16, norm.scale has C=8", forward(8, Activation::None));
  expect_refusal("grouped_conv forward: a norm of the input and the activation relu exclude each other",
                 forward(16, Activation::Relu));
}

TEST(Extents, KeptSamplesOfAGroupedConv) {
  const std::int64_t kept[] = {0, 2};
  const View<const std::int64_t, N> two{kept, N{2}};
  const auto forward = [=](std::int64_t samples, Activation behind) {
    return [=](auto place) {
      grouped_conv(place, GroupedConvForward<float>{.x = {nullptr, N{3}, H{4}, W{4}, C{8}},
                                                    .kept = two,
                                                    .weight = {nullptr, K{8}, R{3}, S{3}, C{8}},
                                                    .activation = behind,
                                                    .y = {nullptr, N{samples}, H{4}, W{4}, K{8}}});
    };
  };
  expect_refusal("grouped_conv forward: kept has N=2, y has N=3", forward(3, Activation::None));
  expect_refusal("grouped_conv forward: kept samples and the activation relu exclude each other",
                 forward(2, Activation::Relu));
  expect_refusal("grouped_conv backward input: samples are kept only where dx is added to", [=](auto place) {
    grouped_conv(place, GroupedConvBackwardInput<float>{.dy = {nullptr, N{2}, H{4}, W{4}, K{8}},
                                                        .weight = {nullptr, K{8}, R{3}, S{3}, C{8}},
                                                        .kept = two,
                                                        .dx = {nullptr, N{3}, H{4}, W{4}, C{8}}});
  });
  static float image = 0;
  const View<const float, N, H, W, C> added(&image, N{3}, H{4}, W{4}, C{8});
  const auto backward = [=](std::int64_t samples, std::int64_t channels, bool adds, bool in_place = true) {
    return [=](auto place) {
      grouped_conv(place,
                   GroupedConvBackward<float>{.x = {nullptr, N{3}, H{4}, W{4}, C{8}},
                                              .kept = two,
                                              .weight = {nullptr, K{channels}, R{3}, S{3}, C{8}},
                                              .dy = {nullptr, N{samples}, H{4}, W{4}, K{8}},
                                              .added = adds ? added : decltype(added){},
                                              .dx = {in_place ? &image : nullptr, N{3}, H{4}, W{4}, C{8}},
                                              .dweight = {nullptr, K{8}, R{3}, S{3}, C{8}}});
    };
  };
  expect_refusal("grouped_conv backward weight: kept has N=2, dy has N=3", backward(3, 8, true));
  expect_refusal("grouped_conv backward input: weight has K=16, dy has K=8", backward(2, 16, true));
  expect_refusal("grouped_conv backward input: samples are kept only where dx is added to",
                 backward(2, 8, false));
  expect_refusal("grouped_conv backward input: of kept samples, dx must be what is added",
                 backward(2, 8, true, false));
}

TEST(Extents, PatchConv) {
  expect_refusal("patch_conv forward: y has P=5, x has H=9, which gives P=4", [](auto place) {
    patch_conv(place, PatchConvForward<float>{.x = {nullptr, N{1}, H{9}, W{8}, C{3}},
                                              .weight = {nullptr, K{4}, R{2}, S{2}, C{3}},
                                              .y = {nullptr, N{1}, P{5}, Q{4}, K{4}}});
  });
}

TEST(Extents, SqueezeExcite) {
  expect_refusal("squeeze_excite forward: reduce_weight has D=4, expand_weight has D=5", [](auto place) {
    squeeze_excite(place, SqueezeExciteForward<float>{.x = {nullptr, N{1}, H{2}, W{2}, C{8}},
                                                      .reduce_weight = {nullptr, D{4}, C{8}},
                                                      .reduce_bias = {nullptr, D{4}},
                                                      .expand_weight = {nullptr, C{8}, D{5}},
                                                      .expand_bias = {nullptr, C{8}},
                                                      .pooled = {nullptr, N{1}, C{8}},
                                                      .squeezed = {nullptr, N{1}, D{4}},
                                                      .gate = {nullptr, N{1}, C{8}},
                                                      .y = {nullptr, N{1}, H{2}, W{2}, C{8}}});
  });
}

TEST(Extents, GlobalAveragePool) {
  expect_refusal("global_average_pool forward: x has C=8, y has C=9", [](auto place) {
    global_average_pool(place, GlobalAveragePoolForward<float>{.x = {nullptr, N{1}, H{2}, W{2}, C{8}},
                                                               .y = {nullptr, N{1}, C{9}}});
  });
}

TEST(Extents, NormalizeImage) {
  expect_refusal("normalize_image: x has C=3, mean has C=1", [](auto place) {
    normalize_image(place, NormalizeImage<float>{.x = {nullptr, N{1}, H{2}, W{2}, C{3}},
                                                 .mean = {nullptr, C{1}},
                                                 .deviation = {nullptr, C{3}},
                                                 .y = {nullptr, N{1}, H{2}, W{2}, C{3}}});
  });
}

TEST(Workspace, TooSmallIsRefused) {
  Threads threads(1);
  const std::vector<float> values(1000);
  std::vector<float> y(1000);
  const LinearForward<float> args{.x = {values.data(), M{4}, C{8}},
                                  .weight = {values.data(), K{3}, C{8}},
                                  .bias = {},
                                  .y = {y.data(), M{4}, K{3}}};
  try {
    linear(Cpu{&threads}, args);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "linear forward: workspace has 0 bytes, needs 288");
  }
}

}  // namespace
}  // namespace cf::kernels
