// A few samples at a time on each thread, about kPixels pixels, so that their hidden layer stays in its cache
// and the weights serve all of them: a block of hidden channels is expanded, convolved group by group and
// pooled before the next; behind the gates all hidden channels of some pixels at a time are projected. With
// fewer samples than threads, the threads share the blocks.
#include <algorithm>
#include <cmath>

#include "kernels/activation/activation_cpu.h"
#include "kernels/base/parallel.h"
#include "kernels/gemm/small_gemm.h"
#include "kernels/grouped_conv/convolve_unit.h"
#include "kernels/mbconv_forward/mbconv_forward.h"
#include "kernels/mbconv_forward/mbconv_forward_check.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kPixels = 192;         // of the samples worked on at a time, at least if there are
constexpr std::int64_t kBlockChannels = 128;  // hidden channels expanded at a time
constexpr std::int64_t kPixelBlock = 48;      // pixels projected at a time: full tiles of the product

// Sizes in floats. The packed weights are shared, the values of a group of samples belong to whoever works on
// it, the expanded and convolved block are each thread's own.
struct Plan {
  std::int64_t samples, height, width, channels, hidden, squeezed, group;
  bool shares_groups;  // the threads work on one group together

  Plan(Cpu place, const MBConvForward<float>& a)
      : samples(a.x.extents()[0]),
        height(a.x.extents()[1]),
        width(a.x.extents()[2]),
        channels(a.x.extents()[3]),
        hidden(a.expand.extent<E>().value),
        squeezed(a.squeeze.extent<D>().value) {
    const std::int64_t parts = part_count(place), wanted = (kPixels + image_pixels() - 1) / image_pixels();
    group = std::clamp<std::int64_t>(samples / parts, 1, wanted);
    shares_groups = samples < parts;
  }

  std::int64_t image_pixels() const { return std::max<std::int64_t>(1, height * width); }
  std::int64_t group_pixels() const { return group * image_pixels(); }
  std::int64_t groups() const { return (samples + group - 1) / group; }
  std::int64_t blocks() const { return (hidden + kBlockChannels - 1) / kBlockChannels; }
  std::int64_t columns(std::int64_t block) const {
    return std::min(kBlockChannels, hidden - block * kBlockChannels);
  }

  std::int64_t expand_block_floats() const { return packed_size(channels, kBlockChannels); }
  std::int64_t expand_floats() const { return blocks() * expand_block_floats(); }
  std::int64_t filter_floats() const { return hidden / kGroupWidth * kGroupWeights; }
  std::int64_t squeeze_floats() const { return packed_size(hidden, squeezed); }
  std::int64_t excite_floats() const { return packed_size(squeezed, hidden); }
  std::int64_t project_floats() const { return packed_size(hidden, channels); }
  std::int64_t weight_floats() const {
    return expand_floats() + filter_floats() + squeeze_floats() + excite_floats() + project_floats();
  }
  std::int64_t group_floats() const { return (group_pixels() + group) * hidden + group * squeezed; }
  std::int64_t padded_floats() const {
    return Blocking({group, height, width, kBlockChannels}).padded_floats();
  }
  std::int64_t thread_floats() const { return padded_floats() + 2 * group_pixels() * kBlockChannels; }
  std::int64_t floats(Cpu place) const {
    const std::int64_t parts = part_count(place);
    return weight_floats() + parts * thread_floats() + (shares_groups ? 1 : parts) * group_floats();
  }
  double nanoseconds_per_group() const {
    const auto of_pixel = static_cast<double>(hidden * (2 * channels + kTaps * kGroupWidth));
    return static_cast<double>(group_pixels()) * of_pixel / kMultipliesPerNanosecond;
  }
};

struct Weights {
  float *expand, *filter, *squeeze, *excite, *project;

  Weights(const Plan& plan, float* first)
      : expand(first),
        filter(expand + plan.expand_floats()),
        squeeze(filter + plan.filter_floats()),
        excite(squeeze + plan.squeeze_floats()),
        project(excite + plan.excite_floats()) {}
};

void pack(const MBConvForward<float>& a, const Plan& plan, const Weights& weights) {
  for (std::int64_t block = 0; block < plan.blocks(); ++block) {
    const std::int64_t first = block * kBlockChannels;
    pack_matrix({a.expand.data() + first * plan.channels, 1, plan.channels, a.expand_bias.data() + first},
                plan.channels, plan.columns(block), weights.expand + block * plan.expand_block_floats());
  }
  pack_filter(a.conv, weights.filter);
  pack_matrix({a.squeeze.data(), 1, plan.hidden, a.squeeze_bias.data()}, plan.hidden, plan.squeezed,
              weights.squeeze);
  pack_matrix({a.excite.data(), 1, plan.squeezed, a.excite_bias.data()}, plan.squeezed, plan.hidden,
              weights.excite);
  pack_matrix({a.project.data(), 1, plan.hidden, a.project_bias.data()}, plan.hidden, plan.channels,
              weights.project);
}

// Some neighbouring samples and where their values are.
struct Group {
  std::int64_t samples, pixels;
  const float* x;
  float *y, *hidden, *gate, *squeezed;

  Group(const MBConvForward<float>& a, const Plan& plan, std::int64_t index, float* memory)
      : samples(std::min(plan.group, plan.samples - index * plan.group)),
        pixels(samples * plan.image_pixels()),
        x(a.x.at(N{index * plan.group})),
        y(a.y.at(N{index * plan.group})),
        hidden(memory),
        gate(hidden + plan.group_pixels() * plan.hidden),
        squeezed(gate + plan.group * plan.hidden) {}

  std::int64_t pixel_blocks() const { return (pixels + kPixelBlock - 1) / kPixelBlock; }
};

template <Activation kActivation>
class Worker {
 public:
  Worker(const MBConvForward<float>& a, const Plan& plan, const Weights& weights)
      : a_(a), plan_(plan), weights_(weights) {}

  // One block of hidden channels up to the means of its pixels. memory: thread_floats().
  void expand_and_convolve(const Group& group, std::int64_t block, float* memory) const {
    const std::int64_t first = block * kBlockChannels, columns = plan_.columns(block);
    float *padded = memory, *expanded = padded + plan_.padded_floats(),
          *convolved = expanded + plan_.group_pixels() * kBlockChannels;
    multiply_rows({group.x, plan_.channels, weights_.expand + block * plan_.expand_block_floats(),
                   plan_.channels, columns, expanded, columns},
                  group.pixels);
    for (std::int64_t i = 0; i < group.pixels * columns; ++i) {
      expanded[i] = activate<kActivation>(expanded[i]);
    }
    const ImageShape shape{group.samples, plan_.height, plan_.width, columns};
    for (std::int64_t i = 0; i < shape.groups(); ++i) {
      const float* filter = weights_.filter + (first / kGroupWidth + i) * kGroupWeights;
      convolve(shape, expanded, i, filter, padded, convolved + i * kGroupWidth);
    }
    for (std::int64_t n = 0; n < group.samples; ++n) finish_block(group, n, convolved, first, columns);
  }

  void compute_gates(const Group& group) const {
    const std::int64_t hidden = plan_.hidden, squeezed = plan_.squeezed;
    multiply_rows({group.gate, hidden, weights_.squeeze, hidden, squeezed, group.squeezed, squeezed},
                  group.samples);
    for (float* s = group.squeezed; s < group.squeezed + group.samples * squeezed; ++s)
      *s = std::max(*s, 0.0F);
    multiply_rows({group.squeezed, squeezed, weights_.excite, squeezed, hidden, group.gate, hidden},
                  group.samples);
    for (float* g = group.gate; g < group.gate + group.samples * hidden; ++g) *g = 1 / (1 + std::exp(-*g));
  }

  // One block of pixels.
  void project(const Group& group, std::int64_t block) const {
    const std::int64_t first = block * kPixelBlock, pixels = std::min(kPixelBlock, group.pixels - first);
    float* hidden = group.hidden + first * plan_.hidden;
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      const float* gate = group.gate + (first + pixel) / plan_.image_pixels() * plan_.hidden;
      for (std::int64_t e = 0; e < plan_.hidden; ++e) hidden[pixel * plan_.hidden + e] *= gate[e];
    }
    const float* x = group.x + first * plan_.channels;
    float* y = group.y + first * plan_.channels;
    multiply_rows({hidden, plan_.hidden, weights_.project, plan_.hidden, plan_.channels, y, plan_.channels},
                  pixels);
    for (std::int64_t i = 0; i < pixels * plan_.channels; ++i) y[i] += x[i];
  }

 private:
  // Group `index` of 8 channels of a block.
  void convolve(const ImageShape& shape, const float* expanded, std::int64_t index, const float* filter,
                float* padded, float* convolved) const {
    const Blocking blocking(shape);
    const std::int64_t row = shape.w * shape.c;
    for (std::int64_t i = 0; i < blocking.units(); ++i) {
      const Unit unit = blocking.unit(i);
      copy_padded(expanded, shape, index, unit, padded);
      convolve_unit({.unit = unit,
                     .width = shape.w,
                     .padded = padded,
                     .weight = filter,
                     .y = convolved + (unit.first_sample * shape.h + unit.first_row) * row,
                     .y_pixel = shape.c,
                     .y_sample = shape.h * row});
    }
  }

  // Bias, activation and mean of a block's channels, of sample n of the group.
  void finish_block(const Group& group, std::int64_t n, const float* convolved, std::int64_t first,
                    std::int64_t columns) const {
    float sum[kBlockChannels] = {};
    const float* bias = a_.conv_bias.data() + first;
    const std::int64_t pixels = plan_.image_pixels();
    for (std::int64_t pixel = n * pixels; pixel < (n + 1) * pixels; ++pixel) {
      const float* from = convolved + pixel * columns;
      float* u = group.hidden + pixel * plan_.hidden + first;
      for (std::int64_t e = 0; e < columns; ++e) {
        const float value = activate<kActivation>(from[e] + bias[e]);
        u[e] = value;
        sum[e] += value;
      }
    }
    float* mean = group.gate + n * plan_.hidden + first;
    for (std::int64_t e = 0; e < columns; ++e) mean[e] = sum[e] / static_cast<float>(pixels);
  }

  const MBConvForward<float>& a_;
  const Plan& plan_;
  const Weights& weights_;
};

template <Activation kActivation>
void run(Cpu place, const MBConvForward<float>& a, const Plan& plan, float* memory) {
  const Weights weights(plan, memory);
  pack(a, plan, weights);
  const Worker<kActivation> worker(a, plan, weights);
  float* of_threads = memory + plan.weight_floats();
  float* of_groups = of_threads + part_count(place) * plan.thread_floats();
  const auto convolve_blocks = [&](const Group& group, int part, std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) {
      worker.expand_and_convolve(group, block, of_threads + part * plan.thread_floats());
    }
  };
  const auto project_blocks = [&](const Group& group, std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) worker.project(group, block);
  };
  const double cost = plan.nanoseconds_per_group();
  if (!plan.shares_groups) {
    parallel_parts(place, plan.groups(), 1, cost, [&](int part, std::int64_t first, std::int64_t last) {
      for (std::int64_t index = first; index < last; ++index) {
        const Group group(a, plan, index, of_groups + part * plan.group_floats());
        convolve_blocks(group, part, 0, plan.blocks());
        worker.compute_gates(group);
        project_blocks(group, 0, group.pixel_blocks());
      }
    });
    return;
  }
  for (std::int64_t index = 0; index < plan.groups(); ++index) {
    const Group group(a, plan, index, of_groups);
    parallel_parts(
        place, plan.blocks(), 1, cost / 2 / static_cast<double>(plan.blocks()),
        [&](int part, std::int64_t first, std::int64_t last) { convolve_blocks(group, part, first, last); });
    worker.compute_gates(group);
    parallel(place, group.pixel_blocks(), 1, cost / 2 / static_cast<double>(group.pixel_blocks()),
             [&](std::int64_t first, std::int64_t last) { project_blocks(group, first, last); });
  }
}

}  // namespace

void mbconv(Cpu place, const MBConvForward<float>& a) {
  check(a);
  if (a.y.size() == 0) return;
  const Plan plan(place, a);
  float* memory =
      workspace_as<float>("mbconv forward", a.workspace, static_cast<std::size_t>(plan.floats(place)));
  dispatch_activation(a.activation,
                      [&]<Activation kActivation>() { run<kActivation>(place, a, plan, memory); });
}

std::size_t workspace_bytes(Cpu place, const MBConvForward<float>& a) {
  return sizeof(float) * static_cast<std::size_t>(Plan(place, a).floats(place));
}

}  // namespace cf::kernels
