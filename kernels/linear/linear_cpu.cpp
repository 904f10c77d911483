#include <algorithm>

#include "kernels/base/parallel.h"
#include "kernels/gemm/small_gemm.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_check.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kRowGrain = 48;      // rows of M are given to threads in multiples of this
constexpr std::int64_t kRowsPerSlice = 64;  // shortest slice of M summed on its own by backward weight

double cost_of(std::int64_t multiplies) { return static_cast<double>(multiplies) / kMultipliesPerNanosecond; }

// y[rows, columns] = x[rows, depth] b + bias + added, b as the source says; `added` may be null.
void multiply(std::string_view kernel, Cpu place, Workspace workspace, const PackSource& source,
              RowProduct product, std::int64_t rows, const float* added = nullptr) {
  float* packed = workspace_as<float>(kernel, workspace,
                                      static_cast<std::size_t>(packed_size(product.depth, product.columns)));
  pack_matrix(source, product.depth, product.columns, packed);
  product.packed = packed;
  parallel(place, rows, kRowGrain, cost_of(product.depth * product.columns),
           [&](std::int64_t first, std::int64_t last) {
             RowProduct part = product;
             part.a += first * part.a_stride;
             part.y += first * part.y_stride;
             multiply_rows(part, last - first);
             if (added == nullptr) return;
             const std::int64_t start = first * product.columns, end = last * product.columns;
             for (std::int64_t i = start; i < end; ++i) product.y[i] += added[i];
           });
}

// Partial sums of one slice of M: dweight with padded rows, then dbias.
struct Slices {
  int count;
  std::int64_t stride, elements;  // of a row of dweight, of a slice
};

Slices slices_of(const LinearBackwardWeight<float>& a) {
  const auto k = a.dy.extent<K>().value;
  const auto stride = transposed_stride(a.x.extent<C>().value);
  return {sum_slices(a.x.extent<M>().value, kRowsPerSlice), stride, k * stride + k};
}

void sum_slice(const LinearBackwardWeight<float>& a, std::int64_t first, std::int64_t last, float* dweight,
               float* dbias) {
  const auto c = a.x.extent<C>().value, k = a.dy.extent<K>().value;
  std::fill(dweight, dbias + k, 0.0F);
  add_transposed_product({.a = a.dy.at(M{first}),
                          .a_columns = k,
                          .b = a.x.at(M{first}),
                          .b_columns = c,
                          .b_stride = c,
                          .b_end = a.x.end()},
                         last - first, dweight);
  if (!a.dbias) return;
  for (std::int64_t m = first; m < last; ++m) {
    const float* dy = a.dy.at(M{m});
    for (std::int64_t i = 0; i < k; ++i) dbias[i] += dy[i];
  }
}

}  // namespace

void linear(Cpu place, const LinearForward<float>& a) {
  check(a);
  const auto c = a.x.extent<C>().value, k = a.weight.extent<K>().value;
  multiply("linear forward", place, a.workspace, {a.weight.data(), 1, c, a.bias.data()},
           {a.x.data(), c, nullptr, c, k, a.y.data(), k}, a.x.extent<M>().value);
  if (a.mean) batch_norm(place, detail::statistics_of(a));
}

void linear(Cpu place, const LinearBackwardInput<float>& a) {
  check(a);
  const auto c = a.weight.extent<C>().value, k = a.weight.extent<K>().value;
  multiply("linear backward input", place, a.workspace, {a.weight.data(), c, 1, nullptr},
           {a.dy.data(), k, nullptr, k, c, a.dx.data(), c}, a.dy.extent<M>().value, a.added.data());
}

void linear(Cpu place, const LinearBackwardWeight<float>& a) {
  check(a);
  const auto m = a.x.extent<M>().value, c = a.x.extent<C>().value, k = a.dy.extent<K>().value;
  const Slices slices = slices_of(a);
  float* partial = workspace_as<float>("linear backward weight", a.workspace,
                                       static_cast<std::size_t>(slices.count * slices.elements));
  parallel_slices(place, m, slices.count, cost_of(c * k),
                  [&](int slice, std::int64_t first, std::int64_t last) {
                    float* dweight = partial + slice * slices.elements;
                    sum_slice(a, first, last, dweight, dweight + k * slices.stride);
                  });
  add_slices({partial, slices.count, slices.elements, k, c, slices.stride}, a.accumulate, a.dweight.data());
  if (!a.dbias) return;
  add_slices({partial + k * slices.stride, slices.count, slices.elements, 1, k, k}, a.accumulate,
             a.dbias.data());
}

std::size_t workspace_bytes(Cpu place, const LinearForward<float>& a) {
  const auto packed = sizeof(float) * static_cast<std::size_t>(
                                          packed_size(a.x.extent<C>().value, a.weight.extent<K>().value));
  return a.mean ? std::max(packed, workspace_bytes(place, detail::statistics_of(a))) : packed;
}

std::size_t workspace_bytes(Cpu, const LinearBackwardInput<float>& a) {
  return sizeof(float) *
         static_cast<std::size_t>(packed_size(a.weight.extent<K>().value, a.weight.extent<C>().value));
}

std::size_t workspace_bytes(Cpu, const LinearBackwardWeight<float>& a) {
  const Slices slices = slices_of(a);
  return sizeof(float) * static_cast<std::size_t>(slices.count * slices.elements);
}

}  // namespace cf::kernels
