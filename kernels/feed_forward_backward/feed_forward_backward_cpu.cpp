// Slice by slice of the pixels, each with sums of its own; in a slice a block of pixels at a time, whose
// hidden values and their gradients stay in the second-level cache between the five products.
#include <algorithm>

#include "kernels/activation/activation_cpu.h"
#include "kernels/base/parallel.h"
#include "kernels/feed_forward/feed_forward_rows_cpu.h"
#include "kernels/feed_forward_backward/feed_forward_backward.h"
#include "kernels/feed_forward_backward/feed_forward_backward_check.h"
#include "kernels/gemm/small_gemm.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kPixelsPerSlice = 64;  // shortest slice of the pixels summed on its own
constexpr std::string_view kName = "feed_forward backward";

// Sizes in floats.
struct Plan {
  std::int64_t pixels, channels, hidden;
  int slices;

  explicit Plan(const FeedForwardBackward<float>& a)
      : pixels(as_rows<M, C>(a.u).extent<M>().value),
        channels(a.u.extent<C>().value),
        hidden(a.expand.extent<E>().value),
        slices(sum_slices(pixels, kPixelsPerSlice)) {}

  std::int64_t pixels_per_block() const { return feed_forward_block_pixels(hidden); }
  std::int64_t into_hidden_floats() const { return packed_size(channels, hidden); }
  std::int64_t weight_floats() const { return 2 * into_hidden_floats() + packed_size(hidden, channels); }
  std::int64_t block_floats() const { return pixels_per_block() * transposed_stride(hidden); }
  std::int64_t dexpand_floats() const { return hidden * transposed_stride(channels); }
  std::int64_t dproject_floats() const { return channels * transposed_stride(hidden); }
  std::int64_t sum_floats() const { return dexpand_floats() + dproject_floats() + hidden; }
  std::int64_t slice_floats() const { return sum_floats() + 2 * block_floats(); }
  std::size_t workspace_floats() const {
    return static_cast<std::size_t>(weight_floats() + slices * slice_floats());
  }
  double nanoseconds_per_pixel() const {
    return 5 * static_cast<double>(hidden * channels) / kMultipliesPerNanosecond;
  }
};

// Packed: expand and project' from channels to hidden, expand' back.
struct Weights {
  float *expand, *project, *expand_back;

  Weights(const Plan& plan, float* first)
      : expand(first),
        project(first + plan.into_hidden_floats()),
        expand_back(project + plan.into_hidden_floats()) {}
};

void pack(const FeedForwardBackward<float>& a, const Plan& plan, const Weights& weights) {
  const std::int64_t channels = plan.channels, hidden = plan.hidden;
  pack_matrix({a.expand.data(), 1, channels, a.expand_bias.data()}, channels, hidden, weights.expand);
  pack_matrix({a.project.data(), hidden, 1, nullptr}, channels, hidden, weights.project);
  pack_matrix({a.expand.data(), channels, 1, nullptr}, hidden, channels, weights.expand_back);
}

// The part of the workspace that belongs to a slice: its sums, and a block of hidden values and gradients.
struct Slice {
  float *dexpand, *dproject, *dexpand_bias, *a, *dh;

  Slice(const Plan& plan, float* first)
      : dexpand(first),
        dproject(first + plan.dexpand_floats()),
        dexpand_bias(dproject + plan.dproject_floats()),
        a(dexpand_bias + plan.hidden),
        dh(a + plan.block_floats()) {}
};

// h to a, and da to dh.
void rectify(float* a, float* dh, std::int64_t size) {
  for (std::int64_t i = 0; i < size; ++i) {
    dh[i] = activation_gradient<Activation::Relu>(a[i], dh[i]);
    a[i] = activate<Activation::Relu>(a[i]);
  }
}

// Pixels [first, first + count): du, and what they add to the slice's sums.
void add_block(const FeedForwardBackward<float>& args, const Plan& plan, const Weights& weights,
               const Slice& slice, std::int64_t first, std::int64_t count) {
  const std::int64_t channels = plan.channels, hidden = plan.hidden, offset = first * channels;
  const float *u = args.u.data() + offset, *dp = args.dp.data() + offset;
  multiply_rows({u, channels, weights.expand, channels, hidden, slice.a, hidden}, count);
  multiply_rows({dp, channels, weights.project, channels, hidden, slice.dh, hidden}, count);
  rectify(slice.a, slice.dh, count * hidden);
  multiply_rows({slice.dh, hidden, weights.expand_back, hidden, channels, args.du.data() + offset, channels},
                count);
  add_transposed_product({.a = slice.dh,
                          .a_columns = hidden,
                          .b = u,
                          .b_columns = channels,
                          .b_stride = channels,
                          .b_end = args.u.end()},
                         count, slice.dexpand);
  add_transposed_product({.a = dp,
                          .a_columns = channels,
                          .b = slice.a,
                          .b_columns = hidden,
                          .b_stride = hidden,
                          .b_end = slice.a + plan.block_floats()},
                         count, slice.dproject);
  for (std::int64_t pixel = 0; pixel < count; ++pixel) {
    const float* dh = slice.dh + pixel * hidden;
    for (std::int64_t e = 0; e < hidden; ++e) slice.dexpand_bias[e] += dh[e];
  }
}

}  // namespace

void feed_forward(Cpu place, const FeedForwardBackward<float>& a) {
  check(a);
  const Plan plan(a);
  float* memory = workspace_as<float>(kName, a.workspace, plan.workspace_floats());
  const Weights weights(plan, memory);
  pack(a, plan, weights);
  float* slices = memory + plan.weight_floats();
  parallel_slices(place, plan.pixels, plan.slices, plan.nanoseconds_per_pixel(),
                  [&](int index, std::int64_t first, std::int64_t last) {
                    const Slice slice(plan, slices + index * plan.slice_floats());
                    std::fill(slice.dexpand, slice.a, 0.0F);
                    for (; first < last; first += plan.pixels_per_block()) {
                      add_block(a, plan, weights, slice, first,
                                std::min(plan.pixels_per_block(), last - first));
                    }
                  });
  const Slice sums(plan, slices);
  const auto add = [&](float* first, std::int64_t rows, std::int64_t columns, float accumulate, float* to) {
    add_slices({first, plan.slices, plan.slice_floats(), rows, columns, transposed_stride(columns)},
               accumulate, to);
  };
  add(sums.dexpand, plan.hidden, plan.channels, 0, a.dexpand.data());
  add(sums.dproject, plan.channels, plan.hidden, a.accumulate, a.dproject.data());
  add(sums.dexpand_bias, 1, plan.hidden, 0, a.dexpand_bias.data());
}

std::size_t workspace_bytes(Cpu, const FeedForwardBackward<float>& a) {
  return sizeof(float) * Plan(a).workspace_floats();
}

}  // namespace cf::kernels
