#include "kernels/folded_linear/folded_linear.h"
#include "kernels/folded_linear/folded_linear_check.h"
#include "kernels/folded_linear/folded_linear_few_rows.h"
#include "kernels/gemm/gemm_cuda.h"

namespace cf::kernels {

template <class T>
void folded_linear(Cuda place, const FoldedLinear<T>& a) {
  check(a);
  if constexpr (!std::is_same_v<T, float>) {
    if (folded_linear_few_rows(place, a)) return;
  }
  const bool relu = a.activation == Activation::Relu;
  multiply(place,
           {.in = kDType<T>,
            .out = kDType<T>,
            .rows = a.x.template extent<M>().value,
            .columns = a.weight.template extent<K>().value,
            .depth = a.x.template extent<C>().value,
            .a = a.x.data(),
            .b = a.weight.data(),
            .b_transposed = true,
            .result = a.y.data(),
            .bias = a.bias.data(),
            .relu = relu,
            .addend = a.residual.data()},
           a.workspace);
  if (relu || a.activation == Activation::None) return;
  const I elements{a.y.size()};
  activation(place,
             ActivationForward<T>{
                 .x = {a.y.data(), elements}, .activation = a.activation, .y = {a.y.data(), elements}});
}

template <class T>
std::size_t workspace_bytes(Cuda, const FoldedLinear<T>& a) {
  return gemm_workspace_bytes(a.x.template extent<M>().value, a.weight.template extent<K>().value);
}

#define CF_INSTANTIATE(T)                                    \
  template void folded_linear(Cuda, const FoldedLinear<T>&); \
  template std::size_t workspace_bytes(Cuda, const FoldedLinear<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
