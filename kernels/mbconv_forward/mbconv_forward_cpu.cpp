// Samples one after the other on each thread, so that a sample's hidden layer stays in its cache: a block of
// hidden channels is expanded, convolved group by group and pooled before the next; behind the gate all
// hidden channels of some pixels at a time are projected. With fewer samples than threads, the threads share
// the blocks of one.
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

constexpr std::int64_t kBlockChannels = 32;      // hidden channels expanded at a time
constexpr std::int64_t kPixelBlock = 48;         // pixels projected at a time: full tiles of the product
constexpr double kMultipliesPerNanosecond = 20;  // of one thread

// Sizes in floats. The packed weights are shared, a sample's values belong to whoever works on the sample,
// the expanded block is each thread's own.
struct Plan {
  std::int64_t samples, height, width, channels, hidden, squeezed;
  Blocking blocking;  // of one sample's convolution

  explicit Plan(const MBConvForward<float>& a)
      : samples(a.x.extents()[0]),
        height(a.x.extents()[1]),
        width(a.x.extents()[2]),
        channels(a.x.extents()[3]),
        hidden(a.expand.extent<E>().value),
        squeezed(a.squeeze.extent<D>().value),
        blocking({1, height, width, kBlockChannels}) {}

  std::int64_t pixels() const { return height * width; }
  std::int64_t blocks() const { return (hidden + kBlockChannels - 1) / kBlockChannels; }
  std::int64_t pixel_blocks() const { return (pixels() + kPixelBlock - 1) / kPixelBlock; }
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
  std::int64_t sample_floats() const { return (pixels() + 1) * hidden + squeezed; }
  std::int64_t thread_floats() const { return blocking.padded_floats() + pixels() * kBlockChannels; }

  bool shares_samples(Cpu place) const { return samples < part_count(place); }
  std::int64_t floats(Cpu place) const {
    const std::int64_t parts = part_count(place), samples_at_once = shares_samples(place) ? 1 : parts;
    return weight_floats() + parts * thread_floats() + samples_at_once * sample_floats();
  }
  double nanoseconds_per_sample() const {
    const auto of_pixel = static_cast<double>(hidden * (2 * channels + kTaps * kGroupWidth));
    return static_cast<double>(pixels()) * of_pixel / kMultipliesPerNanosecond;
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

// Where one sample's values are.
struct Sample {
  const float* x;
  float *y, *hidden, *gate, *squeezed;

  Sample(const MBConvForward<float>& a, const Plan& plan, std::int64_t n, float* memory)
      : x(a.x.at(N{n})),
        y(a.y.at(N{n})),
        hidden(memory),
        gate(hidden + plan.pixels() * plan.hidden),
        squeezed(gate + plan.hidden) {}
};

template <Activation kActivation>
class Worker {
 public:
  Worker(const MBConvForward<float>& a, const Plan& plan, const Weights& weights)
      : a_(a), plan_(plan), weights_(weights) {}

  // One block of hidden channels up to the means of its pixels. memory: thread_floats().
  void expand_and_convolve(const Sample& sample, std::int64_t block, float* memory) const {
    const std::int64_t first = block * kBlockChannels, columns = plan_.columns(block);
    float *padded = memory, *expanded = padded + plan_.blocking.padded_floats();
    multiply_rows({sample.x, plan_.channels, weights_.expand + block * plan_.expand_block_floats(),
                   plan_.channels, columns, expanded, columns},
                  plan_.pixels());
    for (std::int64_t i = 0; i < plan_.pixels() * columns; ++i) {
      expanded[i] = activate<kActivation>(expanded[i]);
    }
    for (std::int64_t group = 0; group < columns / kGroupWidth; ++group) {
      convolve(sample, expanded, columns, group, first / kGroupWidth + group, padded);
    }
    finish_block(sample, first, columns);
  }

  void compute_gate(const Sample& sample) const {
    multiply_rows({sample.gate, plan_.hidden, weights_.squeeze, plan_.hidden, plan_.squeezed, sample.squeezed,
                   plan_.squeezed},
                  1);
    for (std::int64_t d = 0; d < plan_.squeezed; ++d) sample.squeezed[d] = std::max(sample.squeezed[d], 0.0F);
    multiply_rows({sample.squeezed, plan_.squeezed, weights_.excite, plan_.squeezed, plan_.hidden,
                   sample.gate, plan_.hidden},
                  1);
    for (std::int64_t e = 0; e < plan_.hidden; ++e) sample.gate[e] = 1 / (1 + std::exp(-sample.gate[e]));
  }

  // One block of pixels.
  void project(const Sample& sample, std::int64_t block) const {
    const std::int64_t first = block * kPixelBlock, pixels = std::min(kPixelBlock, plan_.pixels() - first);
    float* hidden = sample.hidden + first * plan_.hidden;
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      for (std::int64_t e = 0; e < plan_.hidden; ++e) hidden[pixel * plan_.hidden + e] *= sample.gate[e];
    }
    const float* x = sample.x + first * plan_.channels;
    float* y = sample.y + first * plan_.channels;
    multiply_rows({hidden, plan_.hidden, weights_.project, plan_.hidden, plan_.channels, y, plan_.channels},
                  pixels);
    for (std::int64_t i = 0; i < pixels * plan_.channels; ++i) y[i] += x[i];
  }

 private:
  // Group `group` of the expanded block of `columns` channels.
  void convolve(const Sample& sample, const float* expanded, std::int64_t columns, std::int64_t group,
                std::int64_t hidden_group, float* padded) const {
    const ImageShape shape{1, plan_.height, plan_.width, columns};
    for (std::int64_t index = 0; index < plan_.blocking.units(); ++index) {
      const Unit unit = plan_.blocking.unit(index);
      copy_padded(expanded, shape, group, unit, padded);
      convolve_unit(
          {.unit = unit,
           .width = plan_.width,
           .padded = padded,
           .weight = weights_.filter + hidden_group * kGroupWeights,
           .y = sample.hidden + unit.first_row * plan_.width * plan_.hidden + hidden_group * kGroupWidth,
           .y_pixel = plan_.hidden,
           .y_sample = 0});
    }
  }

  // Bias, activation and mean of a block's channels.
  void finish_block(const Sample& sample, std::int64_t first, std::int64_t columns) const {
    float sum[kBlockChannels] = {};
    const float* bias = a_.conv_bias.data() + first;
    for (std::int64_t pixel = 0; pixel < plan_.pixels(); ++pixel) {
      float* u = sample.hidden + pixel * plan_.hidden + first;
      for (std::int64_t e = 0; e < columns; ++e) {
        u[e] = activate<kActivation>(u[e] + bias[e]);
        sum[e] += u[e];
      }
    }
    for (std::int64_t e = 0; e < columns; ++e) {
      sample.gate[first + e] = sum[e] / static_cast<float>(plan_.pixels());
    }
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
  float* of_samples = of_threads + part_count(place) * plan.thread_floats();
  const auto convolve_blocks = [&](const Sample& sample, int part, std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) {
      worker.expand_and_convolve(sample, block, of_threads + part * plan.thread_floats());
    }
  };
  const auto project_blocks = [&](const Sample& sample, std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) worker.project(sample, block);
  };
  if (!plan.shares_samples(place)) {
    parallel_parts(place, plan.samples, 1, plan.nanoseconds_per_sample(),
                   [&](int part, std::int64_t first, std::int64_t last) {
                     for (std::int64_t n = first; n < last; ++n) {
                       const Sample sample(a, plan, n, of_samples + part * plan.sample_floats());
                       convolve_blocks(sample, part, 0, plan.blocks());
                       worker.compute_gate(sample);
                       project_blocks(sample, 0, plan.pixel_blocks());
                     }
                   });
    return;
  }
  for (std::int64_t n = 0; n < plan.samples; ++n) {
    const Sample sample(a, plan, n, of_samples);
    const auto cost = plan.nanoseconds_per_sample() / 2;
    parallel_parts(
        place, plan.blocks(), 1, cost / static_cast<double>(plan.blocks()),
        [&](int part, std::int64_t first, std::int64_t last) { convolve_blocks(sample, part, first, last); });
    worker.compute_gate(sample);
    parallel(place, plan.pixel_blocks(), 1, cost / static_cast<double>(plan.pixel_blocks()),
             [&](std::int64_t first, std::int64_t last) { project_blocks(sample, first, last); });
  }
}

}  // namespace

void mbconv(Cpu place, const MBConvForward<float>& a) {
  check(a);
  if (a.y.size() == 0) return;
  const Plan plan(a);
  float* memory =
      workspace_as<float>("mbconv forward", a.workspace, static_cast<std::size_t>(plan.floats(place)));
  dispatch_activation(a.activation,
                      [&]<Activation kActivation>() { run<kActivation>(place, a, plan, memory); });
}

std::size_t workspace_bytes(Cpu place, const MBConvForward<float>& a) {
  return sizeof(float) * static_cast<std::size_t>(Plan(a).floats(place));
}

}  // namespace cf::kernels
