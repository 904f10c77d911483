// Some samples at a time, so that the image is still in cache when its gate is known.
#include <algorithm>
#include <cmath>

#include "kernels/base/parallel.h"
#include "kernels/gemm/small_gemm.h"
#include "kernels/linear/linear.h"
#include "kernels/squeeze_excite/squeeze_excite.h"
#include "kernels/squeeze_excite/squeeze_excite_check.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kSampleBlock = 12;       // samples whose gates are computed together
constexpr double kNanosecondsPerElement = 0.3;  // of an image, on one thread

struct Extents {
  std::int64_t n, pixels, c, d;

  template <class Args>
  static Extents of(const Args& a) {
    const auto e = a.x.extents();
    return {e[0], e[1] * e[2], e[3], a.reduce_weight.template extent<D>().value};
  }
  double sample_cost() const {
    return kNanosecondsPerElement * static_cast<double>(pixels * c) + 0.2 * static_cast<double>(c * d);
  }
};

// body(first, last) on blocks of samples.
template <class Body>
void parallel_blocks(Cpu place, const Extents& e, const Body& body) {
  parallel(place, e.n, kSampleBlock, e.sample_cost(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += kSampleBlock) {
      body(first, std::min(end, first + kSampleBlock));
    }
  });
}

// pooled = mean of the pixels.
void pool(const Extents& e, const float* x, float* pooled) {
  std::copy(x, x + e.c, pooled);
  for (std::int64_t pixel = 1; pixel < e.pixels; ++pixel) {
    for (std::int64_t c = 0; c < e.c; ++c) pooled[c] += x[pixel * e.c + c];
  }
  for (std::int64_t c = 0; c < e.c; ++c) pooled[c] /= static_cast<float>(e.pixels);
}

// da = gate (1 - gate) sum over the pixels of dy x.
void pool_gate_gradient(const Extents& e, const float* x, const float* dy, const float* gate, float* da) {
  for (std::int64_t c = 0; c < e.c; ++c) da[c] = dy[c] * x[c];
  for (std::int64_t i = e.c; i < e.pixels * e.c; i += e.c) {
    for (std::int64_t c = 0; c < e.c; ++c) da[c] += dy[i + c] * x[i + c];
  }
  for (std::int64_t c = 0; c < e.c; ++c) da[c] *= gate[c] * (1 - gate[c]);
}

// Workspace of backward: both products' packed weights, the three gradients per sample, then linear's own.
struct BackwardPlan {
  Extents e;
  std::int64_t packed_expand, packed_reduce;

  explicit BackwardPlan(const SqueezeExciteBackward<float>& a)
      : e(Extents::of(a)), packed_expand(packed_size(e.c, e.d)), packed_reduce(packed_size(e.d, e.c)) {}

  // da and dpooled have C, ds has D columns.
  std::int64_t floats() const { return packed_expand + packed_reduce + e.n * (2 * e.c + e.d); }
};

LinearBackwardWeight<float> expand_gradients(const SqueezeExciteBackward<float>& a, const Extents& e,
                                             const float* da, Workspace workspace) {
  return {.x = {a.squeezed.data(), M{e.n}, C{e.d}},
          .dy = {da, M{e.n}, K{e.c}},
          .dweight = {a.dexpand_weight.data(), K{e.c}, C{e.d}},
          .dbias = {a.dexpand_bias.data(), K{e.c}},
          .accumulate = a.accumulate,
          .workspace = workspace};
}

LinearBackwardWeight<float> reduce_gradients(const SqueezeExciteBackward<float>& a, const Extents& e,
                                             const float* ds, Workspace workspace) {
  return {.x = {a.pooled.data(), M{e.n}, C{e.c}},
          .dy = {ds, M{e.n}, K{e.d}},
          .dweight = {a.dreduce_weight.data(), K{e.d}, C{e.c}},
          .dbias = {a.dreduce_bias.data(), K{e.d}},
          .accumulate = a.accumulate,
          .workspace = workspace};
}

}  // namespace

void squeeze_excite(Cpu place, const SqueezeExciteForward<float>& a) {
  check(a);
  const auto e = Extents::of(a);
  const auto reduce_floats = packed_size(e.c, e.d);
  float* reduce =
      workspace_as<float>("squeeze_excite forward", a.workspace, workspace_bytes(place, a) / sizeof(float));
  float* expand = reduce + reduce_floats;
  pack_matrix({a.reduce_weight.data(), 1, e.c, a.reduce_bias.data()}, e.c, e.d, reduce);
  pack_matrix({a.expand_weight.data(), 1, e.d, a.expand_bias.data()}, e.d, e.c, expand);
  parallel_blocks(place, e, [&](std::int64_t first, std::int64_t last) {
    float *pooled = a.pooled.at(N{first}), *squeezed = a.squeezed.at(N{first}), *gate = a.gate.at(N{first});
    for (std::int64_t n = first; n < last; ++n) pool(e, a.x.at(N{n}), a.pooled.at(N{n}));
    multiply_rows({pooled, e.c, reduce, e.c, e.d, squeezed, e.d}, last - first);
    for (float* s = squeezed; s < squeezed + (last - first) * e.d; ++s) *s = std::max(*s, 0.0F);
    multiply_rows({squeezed, e.d, expand, e.d, e.c, gate, e.c}, last - first);
    for (float* g = gate; g < gate + (last - first) * e.c; ++g) *g = 1.0F / (1.0F + std::exp(-*g));
    if (!a.y) return;
    for (std::int64_t n = first; n < last; ++n) {
      const float *x = a.x.at(N{n}), *scale = a.gate.at(N{n});
      float* y = a.y.at(N{n});
      for (std::int64_t i = 0; i < e.pixels * e.c; i += e.c) {
        for (std::int64_t c = 0; c < e.c; ++c) y[i + c] = x[i + c] * scale[c];
      }
    }
  });
}

void squeeze_excite(Cpu place, const SqueezeExciteBackward<float>& a) {
  check(a);
  const BackwardPlan plan(a);
  const auto& e = plan.e;
  float* expand =
      workspace_as<float>("squeeze_excite backward", a.workspace, workspace_bytes(place, a) / sizeof(float));
  float* reduce = expand + plan.packed_expand;
  float* da = reduce + plan.packed_reduce;
  float* dpooled = da + e.n * e.c;
  float* ds = dpooled + e.n * e.c;
  pack_matrix({a.expand_weight.data(), e.d, 1, nullptr}, e.c, e.d, expand);
  pack_matrix({a.reduce_weight.data(), e.c, 1, nullptr}, e.d, e.c, reduce);
  parallel_blocks(place, e, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t n = first; n < last; ++n) {
      pool_gate_gradient(e, a.x.at(N{n}), a.dy.at(N{n}), a.gate.at(N{n}), da + n * e.c);
    }
    multiply_rows({da + first * e.c, e.c, expand, e.c, e.d, ds + first * e.d, e.d}, last - first);
    const float* squeezed = a.squeezed.data();
    for (std::int64_t i = first * e.d; i < last * e.d; ++i) ds[i] = squeezed[i] > 0 ? ds[i] : 0.0F;
    multiply_rows({ds + first * e.d, e.d, reduce, e.d, e.c, dpooled + first * e.c, e.c}, last - first);
    for (std::int64_t n = first; n < last; ++n) {
      const float *dy = a.dy.at(N{n}), *gate = a.gate.at(N{n});
      float *per_pixel = dpooled + n * e.c, *dx = a.dx.at(N{n});
      for (std::int64_t c = 0; c < e.c; ++c) per_pixel[c] /= static_cast<float>(e.pixels);
      for (std::int64_t i = 0; i < e.pixels * e.c; i += e.c) {
        for (std::int64_t c = 0; c < e.c; ++c) dx[i + c] = dy[i + c] * gate[c] + per_pixel[c];
      }
    }
  });
  const Workspace rest = a.workspace.subspan(static_cast<std::size_t>(plan.floats()) * sizeof(float));
  linear(place, expand_gradients(a, e, da, rest));
  linear(place, reduce_gradients(a, e, ds, rest));
}

std::size_t workspace_bytes(Cpu, const SqueezeExciteForward<float>& a) {
  const auto e = Extents::of(a);
  return sizeof(float) * static_cast<std::size_t>(packed_size(e.c, e.d) + packed_size(e.d, e.c));
}

std::size_t workspace_bytes(Cpu place, const SqueezeExciteBackward<float>& a) {
  const BackwardPlan plan(a);
  return sizeof(float) * static_cast<std::size_t>(plan.floats()) +
         std::max(workspace_bytes(place, expand_gradients(a, plan.e, nullptr, {})),
                  workspace_bytes(place, reduce_gradients(a, plan.e, nullptr, {})));
}

}  // namespace cf::kernels
