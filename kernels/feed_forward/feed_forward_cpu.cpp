#include "kernels/base/parallel.h"
#include "kernels/feed_forward/feed_forward.h"
#include "kernels/feed_forward/feed_forward_check.h"
#include "kernels/feed_forward/feed_forward_rows_cpu.h"

namespace cf::kernels {

namespace {

FeedForwardRows rows_of(const FeedForward<float>& a) {
  return {a.u.extent<C>().value, a.expand.extent<E>().value, nullptr, nullptr};
}

std::size_t workspace_floats(Cpu place, const FeedForward<float>& a) {
  const FeedForwardRows rows = rows_of(a);
  return static_cast<std::size_t>(packed_size(rows.channels, rows.hidden) +
                                  packed_size(rows.hidden, rows.channels) +
                                  part_count(place) * rows.buffer_floats());
}

}  // namespace

void feed_forward(Cpu place, const FeedForward<float>& a) {
  check(a);
  FeedForwardRows rows = rows_of(a);
  const std::int64_t channels = rows.channels, hidden = rows.hidden, block = rows.pixels_per_block();
  float* expand = workspace_as<float>("feed_forward", a.workspace, workspace_floats(place, a));
  float* project = expand + packed_size(channels, hidden);
  float* buffers = project + packed_size(hidden, channels);
  pack_matrix({a.expand.data(), 1, channels, a.expand_bias.data()}, channels, hidden, expand);
  pack_matrix({a.project.data(), 1, hidden, nullptr}, hidden, channels, project);
  rows.expand = expand;
  rows.project = project;
  const double cost = static_cast<double>(2 * channels * hidden) / kMultipliesPerNanosecond;
  parallel_parts(place, a.u.extent<M>().value, block, cost,
                 [&](int part, std::int64_t first, std::int64_t last) {
                   float* buffer = buffers + part * rows.buffer_floats();
                   for (std::int64_t row = first; row < last; row += block) {
                     rows.run(a.u.at(M{row}), std::min(block, last - row), buffer, a.p.at(M{row}));
                   }
                 });
  if (a.mean) batch_norm(place, detail::statistics_of(a));
}

std::size_t workspace_bytes(Cpu place, const FeedForward<float>& a) {
  const std::size_t own = sizeof(float) * workspace_floats(place, a);
  return a.mean ? std::max(own, workspace_bytes(place, detail::statistics_of(a))) : own;
}

}  // namespace cf::kernels
