// Tile by tile: a unit of rows of all channels is convolved into a buffer, whose pixels then go through the
// two products a block at a time, so that u stays in the second-level cache and the hidden block too.
#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/parallel.h"
#include "kernels/convfirst_forward/convfirst_forward.h"
#include "kernels/convfirst_forward/convfirst_forward_check.h"
#include "kernels/feed_forward/feed_forward_rows_cpu.h"
#include "kernels/grouped_conv/convolve_unit.h"

namespace cf::kernels {

namespace {

// Sizes in floats; the packed weights are shared, the buffers are each thread's own.
struct Plan {
  ImageShape shape;
  std::int64_t hidden;
  Blocking blocking;

  explicit Plan(const ConvFirstForward<float>& a)
      : shape{a.x.extents()[0], a.x.extents()[1], a.x.extents()[2], a.x.extents()[3]},
        hidden(a.expand.extent<E>().value),
        blocking(shape) {}

  FeedForwardRows rows(const float* expand, const float* project) const {
    return {shape.c, hidden, expand, project};
  }
  std::int64_t filter_floats() const { return shape.groups() * kGroupWeights; }
  std::int64_t expand_floats() const { return packed_size(shape.c, hidden); }
  std::int64_t project_floats() const { return packed_size(hidden, shape.c); }
  std::int64_t weight_floats() const { return filter_floats() + hidden + expand_floats() + project_floats(); }
  std::int64_t unit_floats() const { return blocking.plain_floats() * shape.groups(); }
  std::int64_t buffer_floats() const {
    return blocking.padded_floats() + unit_floats() + rows(nullptr, nullptr).buffer_floats();
  }
  double nanoseconds_per_unit() const {
    const auto pixels = static_cast<double>(shape.n * shape.h * shape.w);
    const auto multiplies = static_cast<double>((kTaps * kGroupWidth + 2 * hidden) * shape.c);
    return pixels * multiplies / kMultipliesPerNanosecond / static_cast<double>(blocking.units());
  }
};

struct Weights {
  float *filter, *bias, *expand, *project;

  Weights(const Plan& plan, float* first)
      : filter(first),
        bias(filter + plan.filter_floats()),
        expand(bias + plan.hidden),
        project(expand + plan.expand_floats()) {}
};

// conv's bias moves through expand, which follows it directly: expand (conv + b) = expand conv + expand b.
void pack(const ConvFirstForward<float>& a, const Weights& weights) {
  const std::int64_t channels = a.x.extent<C>().value, hidden = a.expand.extent<E>().value;
  pack_filter(a.conv, weights.filter);
  for (const E e : range(a.expand.extent<E>())) {
    float sum = a.expand_bias(e);
    for (const C c : range(a.x.extent<C>())) sum += a.expand(e, c) * a.conv_bias(c);
    weights.bias[e.value] = sum;
  }
  pack_matrix({a.expand.data(), 1, channels, weights.bias}, channels, hidden, weights.expand);
  pack_matrix({a.project.data(), 1, hidden, a.project_bias.data()}, hidden, channels, weights.project);
}

// The convolution of one unit, all groups: u [samples, rows, w, c].
void convolve_groups(const Plan& plan, const float* x, const Unit& unit, const float* filter, float* padded,
                     float* u) {
  const ImageShape& shape = plan.shape;
  for (std::int64_t group = 0; group < shape.groups(); ++group) {
    copy_padded(x, shape, group, unit, padded);
    convolve_unit({.unit = unit,
                   .width = shape.w,
                   .padded = padded,
                   .weight = filter + group * kGroupWeights,
                   .y = u + group * kGroupWidth,
                   .y_pixel = shape.c,
                   .y_sample = unit.rows * shape.w * shape.c});
  }
}

}  // namespace

void convfirst(Cpu place, const ConvFirstForward<float>& a) {
  check(a);
  const Plan plan(a);
  if (a.y.size() == 0) return;
  float* memory = workspace_as<float>(
      "convfirst forward", a.workspace,
      static_cast<std::size_t>(plan.weight_floats() + part_count(place) * plan.buffer_floats()));
  const Weights weights(plan, memory);
  pack(a, weights);
  const FeedForwardRows rows = plan.rows(weights.expand, weights.project);
  const std::int64_t block = rows.pixels_per_block(), channels = plan.shape.c;
  parallel_parts(place, plan.blocking.units(), 1, plan.nanoseconds_per_unit(),
                 [&](int part, std::int64_t first, std::int64_t last) {
                   float* padded = memory + plan.weight_floats() + part * plan.buffer_floats();
                   float* u = padded + plan.blocking.padded_floats();
                   float* hidden = u + plan.unit_floats();
                   for (std::int64_t index = first; index < last; ++index) {
                     const Unit unit = plan.blocking.unit(index);
                     convolve_groups(plan, a.x.data(), unit, weights.filter, padded, u);
                     const std::int64_t start = a.x.at(N{unit.first_sample}, H{unit.first_row}) - a.x.data();
                     const std::int64_t pixels = unit.samples * unit.rows * plan.shape.w;
                     for (std::int64_t pixel = 0; pixel < pixels; pixel += block) {
                       const std::int64_t count = std::min(block, pixels - pixel);
                       const float* x = a.x.data() + start + pixel * channels;
                       float* y = a.y.data() + start + pixel * channels;
                       rows.run(u + pixel * channels, count, hidden, y);
                       for (std::int64_t i = 0; i < count * channels; ++i) y[i] += x[i];
                     }
                   }
                 });
}

std::size_t workspace_bytes(Cpu place, const ConvFirstForward<float>& a) {
  const Plan plan(a);
  return sizeof(float) *
         static_cast<std::size_t>(plan.weight_floats() + part_count(place) * plan.buffer_floats());
}

}  // namespace cf::kernels
