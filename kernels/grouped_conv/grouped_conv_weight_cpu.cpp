#include "kernels/base/accumulate.h"
#include "kernels/base/parallel.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/grouped_conv/grouped_conv_check.h"
#include "kernels/grouped_conv/kept_input.h"
#include "kernels/grouped_conv/normed_input.h"
#include "kernels/grouped_conv/padded_tile.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kGroupWeights = 9 * kGroupWidth * kGroupWidth;
constexpr double kNanosecondsPerPixel = 9 * 8 * 8 / 20.0;  // of one group on one thread
constexpr std::int64_t kItems = 64;                        // slices times groups aimed at
constexpr int kHalf = kGroupWidth / 2;

// Partial sums of a slice of the units: [slices][groups][r][s][input channel][8 output channels].
struct Plan {
  ImageShape shape;
  Blocking blocking;
  int slices;

  explicit Plan(const GroupedConvBackwardWeight<float>& a)
      : shape{a.x.extent<N>().value, a.x.extent<H>().value, a.x.extent<W>().value, a.x.extent<C>().value},
        blocking(shape) {
    const auto wanted = std::max<std::int64_t>(1, kItems / std::max<std::int64_t>(1, shape.groups()));
    slices =
        static_cast<int>(std::clamp<std::int64_t>(blocking.units(), 1, std::min<std::int64_t>(16, wanted)));
  }

  std::int64_t partial_floats() const { return slices * shape.groups() * kGroupWeights; }
  std::int64_t buffer_floats() const { return blocking.padded_floats() + blocking.plain_floats(); }
};

// Adds to the sums of filter row r and four input channels: x pixel w of a row meets dy at w + 1 - s.
// `dy` points at the padded pixel left of the row's first, in the row that r selects.
[[gnu::always_inline]] inline void add_row(const float* x, const float* dy, std::int64_t width,
                                           Float8 (&acc)[3][kHalf]) {
  for (std::int64_t w = 0; w < width; ++w) {
    const Float8 right = load8(dy), middle = load8(dy + kGroupWidth), left = load8(dy + 2 * kGroupWidth);
#pragma GCC unroll 4
    for (int c = 0; c < kHalf; ++c) {
      const Float8 value = broadcast8(x[c]);
      acc[0][c] += value * left;
      acc[1][c] += value * middle;
      acc[2][c] += value * right;
    }
    x += kGroupWidth;
    dy += kGroupWidth;
  }
}

// One group of one unit into its sums.
void add_unit(const ImageShape& shape, const Unit& unit, const float* x, const float* dy, float* sums) {
  const std::int64_t pitch = (shape.w + 2) * kGroupWidth;
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < kGroupWidth; c += kHalf) {
      const auto sum = [&](int s, int i) {
        return sums + ((r * 3 + s) * kGroupWidth + c + i) * std::int64_t{kGroupWidth};
      };
      Float8 acc[3][kHalf];
      for (int s = 0; s < 3; ++s) {
        for (int i = 0; i < kHalf; ++i) acc[s][i] = load8(sum(s, i));
      }
      const float* x_row = x + c;
      for (std::int64_t sample = 0; sample < unit.samples; ++sample) {
        // x row h meets dy row h + 1 - r; the padded buffer starts one row above the unit.
        const float* dy_row = dy + (sample * (unit.rows + 2) + 2 - r) * pitch;
        for (std::int64_t h = 0; h < unit.rows; ++h) {
          add_row(x_row, dy_row, shape.w, acc);
          x_row += shape.w * kGroupWidth;
          dy_row += pitch;
        }
      }
      for (int s = 0; s < 3; ++s) {
        for (int i = 0; i < kHalf; ++i) store8(sum(s, i), acc[s][i]);
      }
    }
  }
}

void compute_partial_sums(Cpu place, const GroupedConvBackwardWeight<float>& a, const Plan& plan,
                          float* partial, float* buffers) {
  const std::int64_t groups = plan.shape.groups(), items = plan.slices * groups;
  const double pixels = static_cast<double>(plan.shape.n * plan.shape.h * plan.shape.w) / plan.slices;
  parallel_parts(
      place, items, 1, kNanosecondsPerPixel * pixels, [&](int part, std::int64_t first, std::int64_t last) {
        float* dy = buffers + part * plan.buffer_floats();
        float* x = dy + plan.blocking.padded_floats();
        for (std::int64_t item = first; item < last; ++item) {
          const std::int64_t group = item % groups;
          float* sums = partial + item * kGroupWeights;
          std::fill(sums, sums + kGroupWeights, 0.0F);
          const auto units = part_of(plan.blocking.units(), 1, static_cast<int>(item / groups), plan.slices);
          for (std::int64_t index = units.first; index < units.last; ++index) {
            const Unit unit = plan.blocking.unit(index);
            copy_padded(a.dy.data(), plan.shape, group, unit, dy);
            copy_plain(a.x.data(), plan.shape, group, unit, x);
            add_unit(plan.shape, unit, x, dy, sums);
          }
        }
      });
}

// The slices in order, into [k][r][s][c].
void add_partial_sums(const GroupedConvBackwardWeight<float>& a, const Plan& plan, const float* partial) {
  const std::int64_t slice_floats = plan.shape.groups() * kGroupWeights;
  for (std::int64_t k = 0; k < plan.shape.c; ++k) {
    const float* sums = partial + k / kGroupWidth * kGroupWeights + k % kGroupWidth;
    float* dweight = a.dweight.at(K{k});
    for (int i = 0; i < 9 * kGroupWidth; ++i) {
      float sum = 0;
      for (int slice = 0; slice < plan.slices; ++slice) sum += sums[slice * slice_floats + i * kGroupWidth];
      accumulate_into(dweight[i], a.accumulate, sum);
    }
  }
}

}  // namespace

void grouped_conv(Cpu place, const GroupedConvBackwardWeight<float>& given) {
  check(given);
  constexpr auto kName = "grouped_conv backward weight";
  const auto a = detail::with_normed_input(place, kName, detail::with_kept_input(place, kName, given));
  const Plan plan(a);
  float* partial = workspace_as<float>(kName, a.workspace, workspace_bytes(place, a) / sizeof(float));
  compute_partial_sums(place, a, plan, partial, partial + plan.partial_floats());
  add_partial_sums(a, plan, partial);
}

std::size_t workspace_bytes(Cpu place, const GroupedConvBackwardWeight<float>& a) {
  if (a.kept) return detail::kept_input_bytes(a) + workspace_bytes(place, detail::of_kept(a, a.x.data()));
  const Plan plan(a);
  return detail::normed_input_bytes(a) +
         sizeof(float) *
             static_cast<std::size_t>(plan.partial_floats() + part_count(place) * plan.buffer_floats());
}

}  // namespace cf::kernels
