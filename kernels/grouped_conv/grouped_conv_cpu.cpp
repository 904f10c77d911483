// Forward and backward input: the same convolution, with the filter as it is or transposed and flipped.
#include "kernels/activation/activation_cpu.h"
#include "kernels/base/parallel.h"
#include "kernels/grouped_conv/added_gradient.h"
#include "kernels/grouped_conv/convolve_unit.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/kept_input.h"
#include "kernels/grouped_conv/normed_input.h"

namespace cf::kernels {

namespace {

// Output channels are the filter's input channels and taps run backwards.
void pack_transposed(const View<const float, K, R, S, C>& weight, float* packed) {
  for (std::int64_t k = 0; k < weight.extent<K>().value; ++k) {
    float* group = packed + k / kGroupWidth * kGroupWeights + k % kGroupWidth * kGroupWidth;
    const float* filter = weight.at(K{k});
    for (int tap = 0; tap < kTaps; ++tap) {
      for (int c = 0; c < kGroupWidth; ++c) {
        group[(kTaps - 1 - tap) * kGroupWidth * kGroupWidth + c] = filter[tap * kGroupWidth + c];
      }
    }
  }
}

// The activation of one group's outputs, in place.
template <Activation kActivation>
void activate_unit(const UnitConvolution& task) {
  for (std::int64_t row = 0; row < task.rows(); ++row) {
    float* y = task.output_row(row);
    for (std::int64_t column = 0; column < task.width; ++column, y += task.y_pixel) {
      for (int k = 0; k < kGroupWidth; ++k) y[k] = activate<kActivation>(y[k]);
    }
  }
}

// `bias`: of all channels, or null.
void convolve(Cpu place, const ImageShape& shape, const float* x, const float* packed, const float* bias,
              float* y, float* buffers, Activation activation = Activation::None) {
  const Blocking blocking(shape);
  const std::int64_t groups = shape.groups(), items = blocking.units() * groups;
  if (items == 0) return;
  const double cost =
      kConvolveNanosecondsPerPixel * static_cast<double>(shape.n * shape.h * shape.w * groups / items);
  parallel_parts(place, items, 1, cost, [&](int part, std::int64_t first, std::int64_t last) {
    float* padded = buffers + part * blocking.padded_floats();
    for (std::int64_t item = first; item < last; ++item) {
      const std::int64_t group = item % groups;
      const Unit unit = blocking.unit(item / groups);
      copy_padded(x, shape, group, unit, padded);
      const UnitConvolution task{
          .unit = unit,
          .width = shape.w,
          .padded = padded,
          .weight = packed + group * kGroupWeights,
          .y = y + (unit.first_sample * shape.h + unit.first_row) * shape.w * shape.c + group * kGroupWidth,
          .y_pixel = shape.c,
          .y_sample = shape.h * shape.w * shape.c,
          .bias = bias == nullptr ? nullptr : bias + group * kGroupWidth};
      convolve_unit(task);
      if (activation == Activation::None) continue;
      dispatch_activation(activation, [&]<Activation kActivation>() { activate_unit<kActivation>(task); });
    }
  });
}

template <class Image>
ImageShape shape_of(const Image& image) {
  const auto e = image.extents();
  return {e[0], e[1], e[2], e[3]};
}

// Packed filter, then one padded unit for each thread.
std::size_t workspace_floats(Cpu place, const ImageShape& shape) {
  return static_cast<std::size_t>(shape.groups() * kGroupWeights +
                                  part_count(place) * Blocking(shape).padded_floats());
}

}  // namespace

void grouped_conv(Cpu place, const GroupedConvForward<float>& given) {
  check(given);
  constexpr auto kName = "grouped_conv forward";
  const auto a = detail::with_normed_input(place, kName, detail::with_kept_input(place, kName, given));
  const auto shape = shape_of(a.x);
  float* packed = workspace_as<float>(kName, a.workspace, workspace_floats(place, shape));
  pack_filter(a.weight, packed);
  convolve(place, shape, a.x.data(), packed, a.bias.data(), a.y.data(),
           packed + shape.groups() * kGroupWeights, a.activation);
}

void grouped_conv(Cpu place, const GroupedConvBackwardInput<float>& given) {
  check(given);
  detail::convolve_and_add(place, given, [&](const GroupedConvBackwardInput<float>& a) {
    const auto shape = shape_of(a.dy);
    float* packed =
        workspace_as<float>("grouped_conv backward input", a.workspace, workspace_floats(place, shape));
    pack_transposed(a.weight, packed);
    convolve(place, shape, a.dy.data(), packed, nullptr, a.dx.data(),
             packed + shape.groups() * kGroupWeights);
  });
}

// A few pixels: straight loops are fast enough.
void grouped_conv(Cpu, const GroupedConvCentre<float>& a) { grouped_conv(Reference{}, a); }

std::size_t workspace_bytes(Cpu place, const GroupedConvForward<float>& a) {
  return detail::kept_input_bytes(a) + detail::normed_input_bytes(a) +
         sizeof(float) * workspace_floats(place, shape_of(a.y));
}

std::size_t workspace_bytes(Cpu place, const GroupedConvBackwardInput<float>& a) {
  return detail::own_gradient_bytes(a) + sizeof(float) * workspace_floats(place, shape_of(a.dy));
}

}  // namespace cf::kernels
