// The two matrix products are linear's.
#include "kernels/base/parallel.h"
#include "kernels/fold_expand_norm/fold_expand_norm.h"
#include "kernels/fold_expand_norm/fold_expand_norm_check.h"
#include "kernels/fold_expand_norm/fold_expand_norm_rows.h"
#include "kernels/linear/linear.h"

namespace cf::kernels {

namespace {

constexpr double kNanosecondsPerWeight = 2;

// product [E,C] = expand S; S is symmetric.
template <class Args>
LinearForward<float> product_of(const Args& a, float* product, Workspace workspace = {}) {
  const auto hidden = a.expand.template extent<E>().value, channels = a.expand.template extent<C>().value;
  return {.x = {a.expand.data(), M{hidden}, C{channels}},
          .weight = {a.covariance.data(), K{channels}, C{channels}},
          .bias = {},
          .y = {product, M{hidden}, K{channels}},
          .workspace = workspace};
}

// slope [C,C] = weighted' expand.
LinearBackwardWeight<float> slope_of(const FoldExpandNormBackward<float>& a, const float* weighted,
                                     Workspace workspace = {}) {
  const auto hidden = a.expand.extent<E>().value, channels = a.expand.extent<C>().value;
  return {.x = {a.expand.data(), M{hidden}, C{channels}},
          .dy = {weighted, M{hidden}, K{channels}},
          .dweight = {a.slope.data(), K{channels}, C{channels}},
          .dbias = {},
          .workspace = workspace};
}

std::size_t product_bytes(std::int64_t size) {
  constexpr std::size_t kAlignment = 64;
  return (static_cast<std::size_t>(size) * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
}

// The product, at the start of the workspace.
template <class Args>
float* multiply(Cpu place, std::string_view kernel, const Args& a) {
  float* product = workspace_as<float>(kernel, a.workspace, static_cast<std::size_t>(a.expand.size()));
  linear(place, product_of(a, product, a.workspace.subspan(product_bytes(a.expand.size()))));
  return product;
}

// body(e) for every hidden channel.
template <class Args, class Body>
void for_each_row(Cpu place, const Args& a, const Body& body) {
  const double cost = kNanosecondsPerWeight * static_cast<double>(a.expand.template extent<C>().value);
  parallel(place, a.expand.template extent<E>().value, 1, cost, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t e = first; e < last; ++e) body(E{e});
  });
}

}  // namespace

void fold_expand_norm(Cpu, const ExpandInputShift<float>& a) { fold_expand_norm(Reference{}, a); }

void fold_expand_norm(Cpu place, const FoldExpandNorm<float>& a) {
  check(a);
  const float* product = multiply(place, "fold_expand_norm", a);
  const auto channels = a.expand.extent<C>().value;
  for_each_row(place, a, [&](E e) { detail::fold_row(a, e, product + e.value * channels); });
}

void fold_expand_norm(Cpu place, const FoldExpandNormBackward<float>& a) {
  check(a);
  float* product = multiply(place, "fold_expand_norm backward", a);
  const auto channels = a.expand.extent<C>().value;
  for_each_row(place, a, [&](E e) {
    float* row = product + e.value * channels;
    const float weight = 2 * detail::gradient_row(a, e, row) / static_cast<float>(a.rows);
    for (const C c : range(C{channels})) row[c.value] = weight * a.expand(e, c);
  });
  linear(place, slope_of(a, product, a.workspace.subspan(product_bytes(a.expand.size()))));
}

std::size_t workspace_bytes(Cpu place, const FoldExpandNorm<float>& a) {
  return product_bytes(a.expand.size()) + workspace_bytes(place, product_of(a, nullptr));
}

std::size_t workspace_bytes(Cpu place, const FoldExpandNormBackward<float>& a) {
  return product_bytes(a.expand.size()) + std::max(workspace_bytes(place, product_of(a, nullptr)),
                                                   workspace_bytes(place, slope_of(a, nullptr)));
}

}  // namespace cf::kernels
