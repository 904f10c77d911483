// The two matrix products are linear's.
#include "kernels/base/parallel.h"
#include "kernels/fold_expand_norm/fold_expand_norm.h"
#include "kernels/fold_expand_norm/fold_expand_norm_check.h"
#include "kernels/fold_expand_norm/fold_expand_norm_products.h"
#include "kernels/fold_expand_norm/fold_expand_norm_rows.h"

namespace cf::kernels {

namespace {

constexpr double kNanosecondsPerWeight = 2;

// The product, at the start of the workspace.
template <class Args>
float* multiply(Cpu place, std::string_view kernel, const Args& a) {
  float* product = workspace_as<float>(kernel, a.workspace, static_cast<std::size_t>(a.expand.size()));
  linear(place, detail::product_of(a, product, a.workspace.subspan(detail::matrix_bytes(a.expand.size()))));
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
  linear(place, detail::slope_of(a, product, a.slope.data(),
                                 a.workspace.subspan(detail::matrix_bytes(a.expand.size()))));
}

std::size_t workspace_bytes(Cpu place, const FoldExpandNorm<float>& a) {
  return detail::matrix_bytes(a.expand.size()) + workspace_bytes(place, detail::product_of(a, nullptr));
}

std::size_t workspace_bytes(Cpu place, const FoldExpandNormBackward<float>& a) {
  return detail::matrix_bytes(a.expand.size()) +
         std::max(workspace_bytes(place, detail::product_of(a, nullptr)),
                  workspace_bytes(place, detail::slope_of(a, nullptr, nullptr)));
}

}  // namespace cf::kernels
