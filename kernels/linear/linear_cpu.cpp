#include <cblas.h>

#include <algorithm>

#include "kernels/base/accumulate.h"
#include "kernels/base/parallel.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_check.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kRowBlock = 128;      // rows of M given to one sgemm
constexpr std::int64_t kRowsPerSlice = 256;  // shortest slice of M summed on its own by backward weight
constexpr double kFlopsPerNanosecond = 30;   // of one thread, to judge whether waking others pays

// We bring the threads; OpenBLAS must not start its own below them.
void use_one_blas_thread() {
  static const bool done = (openblas_set_num_threads(1), true);
  static_cast<void>(done);
}

int blas_int(std::int64_t value) { return static_cast<int>(value); }

// body(first, rows) for each block of rows of M. Blocks are the same for any number of threads: the bits of
// an sgemm depend on where its rows begin and end.
template <class Body>
void parallel_row_blocks(Cpu place, std::int64_t rows, std::int64_t flops_per_row, const Body& body) {
  use_one_blas_thread();
  const double cost = static_cast<double>(flops_per_row) / kFlopsPerNanosecond;
  parallel(place, rows, kRowBlock, cost, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t m = first; m < last; m += kRowBlock) body(m, std::min(kRowBlock, last - m));
  });
}

int weight_slices(const LinearBackwardWeight<float>& a) {
  return sum_slices(a.x.extent<M>().value, kRowsPerSlice);
}

}  // namespace

void linear(Cpu place, const LinearForward<float>& a) {
  check(a);
  const auto c = a.x.extent<C>().value, k = a.weight.extent<K>().value;
  parallel_row_blocks(place, a.x.extent<M>().value, 2 * c * k, [&](std::int64_t first, std::int64_t rows) {
    if (a.bias) {
      for (std::int64_t m = first; m < first + rows; ++m)
        std::copy(a.bias.begin(), a.bias.end(), a.y.at(M{m}));
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, blas_int(rows), blas_int(k), blas_int(c), 1.0F,
                a.x.at(M{first}), blas_int(c), a.weight.data(), blas_int(c), a.bias ? 1.0F : 0.0F,
                a.y.at(M{first}), blas_int(k));
  });
}

void linear(Cpu place, const LinearBackwardInput<float>& a) {
  check(a);
  const auto c = a.weight.extent<C>().value, k = a.weight.extent<K>().value;
  parallel_row_blocks(place, a.dy.extent<M>().value, 2 * c * k, [&](std::int64_t first, std::int64_t rows) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas_int(rows), blas_int(c), blas_int(k), 1.0F,
                a.dy.at(M{first}), blas_int(k), a.weight.data(), blas_int(c), 0.0F, a.dx.at(M{first}),
                blas_int(c));
  });
}

void linear(Cpu place, const LinearBackwardWeight<float>& a) {
  check(a);
  use_one_blas_thread();
  const auto m = a.x.extent<M>().value, c = a.x.extent<C>().value, k = a.dy.extent<K>().value;
  const int slices = weight_slices(a);
  const auto elements = k * c + k;  // of one slice's partial sums: dweight, then dbias
  float* partial =
      workspace_as<float>("linear backward weight", a.workspace, static_cast<std::size_t>(slices * elements));
  const double cost = 2.0 * static_cast<double>(c * k) / kFlopsPerNanosecond;
  parallel_slices(place, m, slices, cost, [&](int slice, std::int64_t first, std::int64_t last) {
    float* dweight = partial + slice * elements;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, blas_int(k), blas_int(c), blas_int(last - first),
                1.0F, a.dy.at(M{first}), blas_int(k), a.x.at(M{first}), blas_int(c), 0.0F, dweight,
                blas_int(c));
    if (!a.dbias) return;
    float* dbias = dweight + k * c;
    std::fill(dbias, dbias + k, 0.0F);
    for (std::int64_t row = first; row < last; ++row) {
      const float* dy = a.dy.at(M{row});
      for (std::int64_t i = 0; i < k; ++i) dbias[i] += dy[i];
    }
  });
  const auto add_slices = [&](std::int64_t from, std::int64_t count, float* gradient) {
    for (std::int64_t i = 0; i < count; ++i) {
      float sum = 0;
      for (int slice = 0; slice < slices; ++slice) sum += partial[slice * elements + from + i];
      accumulate_into(gradient[i], a.accumulate, sum);
    }
  };
  add_slices(0, k * c, a.dweight.data());
  if (a.dbias) add_slices(k * c, k, a.dbias.data());
}

std::size_t workspace_bytes(Cpu, const LinearForward<float>&) { return 0; }

std::size_t workspace_bytes(Cpu, const LinearBackwardInput<float>&) { return 0; }

std::size_t workspace_bytes(Cpu, const LinearBackwardWeight<float>& a) {
  const auto elements = a.dy.extent<K>().value * (a.x.extent<C>().value + 1);
  return static_cast<std::size_t>(weight_slices(a) * elements) * sizeof(float);
}

}  // namespace cf::kernels
