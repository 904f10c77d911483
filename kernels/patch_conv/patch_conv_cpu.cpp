// Patches are gathered into rows of R*S*C floats, some lines of patches at a time, and multiplied as a linear
// layer is.
#include <algorithm>

#include "kernels/base/float8.h"
#include "kernels/base/parallel.h"
#include "kernels/gemm/small_gemm.h"
#include "kernels/patch_conv/patch_conv.h"
#include "kernels/patch_conv/patch_conv_check.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kTilePatches = 96;      // patches gathered at a time, about
constexpr std::int64_t kPatchesPerSlice = 64;  // shortest slice summed on its own by backward weight
constexpr double kGatheredMultipliesPerNanosecond = 15;  // with the gathering of patches

// A line is a row of Q patches of one sample; there are N * P of them.
struct Patches {
  std::int64_t n, h, w, c, p, q, k, r, s;

  template <class X, class Y, class Weight>
  static Patches of(const X& x, const Y& y, const Weight& weight) {
    const auto e = x.extents();
    return {.n = e[0],
            .h = e[1],
            .w = e[2],
            .c = e[3],
            .p = y.template extent<P>().value,
            .q = y.template extent<Q>().value,
            .k = y.template extent<K>().value,
            .r = weight.template extent<R>().value,
            .s = weight.template extent<S>().value};
  }

  std::int64_t lines() const { return n * p; }
  std::int64_t segment() const { return s * c; }  // contiguous floats of a patch
  std::int64_t depth() const { return r * segment(); }
  std::int64_t tile_lines() const {
    return std::clamp<std::int64_t>(kTilePatches / std::max<std::int64_t>(1, q), 1,
                                    std::max<std::int64_t>(1, lines()));
  }
  // Floats of a gathered tile; vectors may be read past its end.
  std::int64_t tile_floats() const { return tile_lines() * q * depth() + kVectorWidth; }
  // Offset in x of line `line`'s image row r.
  std::int64_t image_row(std::int64_t line, std::int64_t row) const {
    return (line / p * h + line % p * r + row) * w * c;
  }
  double line_cost() const { return static_cast<double>(q * depth() * k) / kGatheredMultipliesPerNanosecond; }
};

// Copies `count` segments of kLength floats (0: `length`), each side with its own stride.
template <int kLength>
void copy_segments(std::int64_t count, std::int64_t length, const float* from, std::int64_t from_stride,
                   float* to, std::int64_t to_stride) {
  const std::int64_t floats = kLength == 0 ? length : kLength;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < floats; ++j) to[j] = from[j];
    from += from_stride;
    to += to_stride;
  }
}

// The short lengths of a stem (1 or 3 channels, patches of 2 or 4) without the overhead of a loop.
void copy_segments(std::int64_t count, std::int64_t length, const float* from, std::int64_t from_stride,
                   float* to, std::int64_t to_stride) {
  switch (length) {
    case 2:
      return copy_segments<2>(count, length, from, from_stride, to, to_stride);
    case 4:
      return copy_segments<4>(count, length, from, from_stride, to, to_stride);
    case 6:
      return copy_segments<6>(count, length, from, from_stride, to, to_stride);
    case 12:
      return copy_segments<12>(count, length, from, from_stride, to, to_stride);
    default:
      return copy_segments<0>(count, length, from, from_stride, to, to_stride);
  }
}

// Patches of lines [first, last) as rows: [lines * q, r * s * c].
void gather(const Patches& d, const float* x, std::int64_t first, std::int64_t last, float* tile) {
  for (std::int64_t line = first; line < last; ++line) {
    for (std::int64_t r = 0; r < d.r; ++r) {
      copy_segments(d.q, d.segment(), x + d.image_row(line, r), d.segment(),
                    tile + (line - first) * d.q * d.depth() + r * d.segment(), d.depth());
    }
  }
}

// The inverse; columns and rows that belong to no patch become 0.
void scatter(const Patches& d, const float* tile, std::int64_t first, std::int64_t last, float* dx) {
  for (std::int64_t line = first; line < last; ++line) {
    for (std::int64_t r = 0; r < d.r; ++r) {
      float* row = dx + d.image_row(line, r);
      copy_segments(d.q, d.segment(), tile + (line - first) * d.q * d.depth() + r * d.segment(), d.depth(),
                    row, d.segment());
      std::fill(row + d.q * d.segment(), row + d.w * d.c, 0.0F);
    }
    if (line % d.p == d.p - 1)
      std::fill(dx + d.image_row(line, d.r), dx + (line / d.p + 1) * d.h * d.w * d.c, 0.0F);
  }
}

// body(first, last) on tiles of lines of [first, last).
template <class Body>
void for_each_tile(const Patches& d, std::int64_t first, std::int64_t last, const Body& body) {
  for (std::int64_t line = first; line < last; line += d.tile_lines()) {
    body(line, std::min(last, line + d.tile_lines()));
  }
}

std::size_t product_floats(Cpu place, const Patches& d, std::int64_t packed) {
  return static_cast<std::size_t>(packed + part_count(place) * d.tile_floats());
}

// Partial sums, [slices][k][stride], then a tile for each thread.
struct WeightPlan {
  Patches patches;
  int slices;
  std::int64_t stride, slice_floats;

  explicit WeightPlan(const PatchConvBackwardWeight<float>& a)
      : patches(Patches::of(a.x, a.dy, a.dweight)),
        slices(static_cast<int>(std::clamp<std::int64_t>(
            patches.lines() * patches.q / kPatchesPerSlice, 1,
            std::min<std::int64_t>(kMostSlices, std::max<std::int64_t>(1, patches.lines()))))),
        stride(transposed_stride(patches.depth())),
        slice_floats(patches.k * stride) {}

  std::int64_t partial_floats() const { return slices * slice_floats; }
};

}  // namespace

void patch_conv(Cpu place, const PatchConvForward<float>& a) {
  check(a);
  const auto d = Patches::of(a.x, a.y, a.weight);
  const auto packed_floats = packed_size(d.depth(), d.k);
  float* packed =
      workspace_as<float>("patch_conv forward", a.workspace, product_floats(place, d, packed_floats));
  pack_matrix({a.weight.data(), 1, d.depth(), a.bias.data()}, d.depth(), d.k, packed);
  parallel_parts(
      place, d.lines(), d.tile_lines(), d.line_cost(), [&](int part, std::int64_t begin, std::int64_t end) {
        float* tile = packed + packed_floats + part * d.tile_floats();
        for_each_tile(d, begin, end, [&](std::int64_t first, std::int64_t last) {
          gather(d, a.x.data(), first, last, tile);
          multiply_rows({tile, d.depth(), packed, d.depth(), d.k, a.y.data() + first * d.q * d.k, d.k},
                        (last - first) * d.q);
        });
      });
}

void patch_conv(Cpu place, const PatchConvBackwardInput<float>& a) {
  check(a);
  const auto d = Patches::of(a.dx, a.dy, a.weight);
  if (d.p == 0 || d.q == 0) {
    std::fill(a.dx.begin(), a.dx.end(), 0.0F);
    return;
  }
  const auto packed_floats = packed_size(d.k, d.depth());
  float* packed =
      workspace_as<float>("patch_conv backward input", a.workspace, product_floats(place, d, packed_floats));
  pack_matrix({a.weight.data(), d.depth(), 1, nullptr}, d.k, d.depth(), packed);
  parallel_parts(
      place, d.lines(), d.tile_lines(), d.line_cost(), [&](int part, std::int64_t begin, std::int64_t end) {
        float* tile = packed + packed_floats + part * d.tile_floats();
        for_each_tile(d, begin, end, [&](std::int64_t first, std::int64_t last) {
          multiply_rows({a.dy.data() + first * d.q * d.k, d.k, packed, d.k, d.depth(), tile, d.depth()},
                        (last - first) * d.q);
          scatter(d, tile, first, last, a.dx.data());
        });
      });
}

void patch_conv(Cpu place, const PatchConvBackwardWeight<float>& a) {
  check(a);
  const WeightPlan plan(a);
  const Patches& d = plan.patches;
  float* partial = workspace_as<float>("patch_conv backward weight", a.workspace,
                                       product_floats(place, d, plan.partial_floats()));
  const double cost = d.line_cost() * static_cast<double>(d.lines()) / plan.slices;
  parallel_parts(place, plan.slices, 1, cost, [&](int part, std::int64_t begin, std::int64_t end) {
    float* tile = partial + plan.partial_floats() + part * d.tile_floats();
    for (std::int64_t slice = begin; slice < end; ++slice) {
      float* sum = partial + slice * plan.slice_floats;
      std::fill(sum, sum + plan.slice_floats, 0.0F);
      const auto lines = part_of(d.lines(), 1, static_cast<int>(slice), plan.slices);
      for_each_tile(d, lines.first, lines.last, [&](std::int64_t first, std::int64_t last) {
        gather(d, a.x.data(), first, last, tile);
        add_transposed_product({.a = a.dy.data() + first * d.q * d.k,
                                .a_columns = d.k,
                                .b = tile,
                                .b_columns = d.depth(),
                                .b_stride = d.depth(),
                                .b_end = tile + d.tile_floats()},
                               (last - first) * d.q, sum);
      });
    }
  });
  add_slices({partial, plan.slices, plan.slice_floats, d.k, d.depth(), plan.stride}, a.accumulate,
             a.dweight.data());
}

std::size_t workspace_bytes(Cpu place, const PatchConvForward<float>& a) {
  const auto d = Patches::of(a.x, a.y, a.weight);
  return sizeof(float) * product_floats(place, d, packed_size(d.depth(), d.k));
}

std::size_t workspace_bytes(Cpu place, const PatchConvBackwardInput<float>& a) {
  const auto d = Patches::of(a.dx, a.dy, a.weight);
  return sizeof(float) * product_floats(place, d, packed_size(d.k, d.depth()));
}

std::size_t workspace_bytes(Cpu place, const PatchConvBackwardWeight<float>& a) {
  const WeightPlan plan(a);
  return sizeof(float) * product_floats(place, plan.patches, plan.partial_floats());
}

}  // namespace cf::kernels
