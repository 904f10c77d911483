// A few rows at a time: multiplied, and finished while they are in the cache.
#include <algorithm>

#include "kernels/activation/activation_cpu.h"
#include "kernels/base/parallel.h"
#include "kernels/folded_linear/folded_linear.h"
#include "kernels/folded_linear/folded_linear_check.h"
#include "kernels/gemm/small_gemm.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kRows = 48;  // multiplied at a time

template <Activation kActivation>
void finish(float* y, const float* residual, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = activate<kActivation>(y[i]);
  if (residual == nullptr) return;
  for (std::int64_t i = 0; i < count; ++i) y[i] += residual[i];
}

}  // namespace

void folded_linear(Cpu place, const FoldedLinear<float>& a) {
  check(a);
  const auto depth = a.x.extent<C>().value, columns = a.weight.extent<K>().value;
  float* packed = workspace_as<float>("folded_linear", a.workspace,
                                      static_cast<std::size_t>(packed_size(depth, columns)));
  pack_matrix({a.weight.data(), 1, depth, a.bias.data()}, depth, columns, packed);
  const double cost = static_cast<double>(depth * columns) / kMultipliesPerNanosecond;
  dispatch_activation(a.activation, [&]<Activation kActivation>() {
    parallel(place, a.x.extent<M>().value, kRows, cost, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t row = first; row < last; row += kRows) {
        const std::int64_t rows = std::min(kRows, last - row);
        float* y = a.y.data() + row * columns;
        multiply_rows({a.x.data() + row * depth, depth, packed, depth, columns, y, columns}, rows);
        finish<kActivation>(y, a.residual ? a.residual.data() + row * columns : nullptr, rows * columns);
      }
    });
  });
}

std::size_t workspace_bytes(Cpu, const FoldedLinear<float>& a) {
  return sizeof(float) *
         static_cast<std::size_t>(packed_size(a.x.extent<C>().value, a.weight.extent<K>().value));
}

}  // namespace cf::kernels
