#include <cmath>
#include <vector>

#include "kernels/base/accumulate.h"
#include "kernels/squeeze_excite/squeeze_excite.h"
#include "kernels/squeeze_excite/squeeze_excite_check.h"

namespace cf::kernels {

namespace {

template <class T>
void pool(const SqueezeExciteForward<T>& a, N n) {
  const H height = a.x.template extent<H>();
  const W width = a.x.template extent<W>();
  for (C c : range(a.x.template extent<C>())) {
    Wide<T> sum = 0;
    for (H h : range(height)) {
      for (W w : range(width)) sum += Wide<T>(a.x(n, h, w, c));
    }
    a.pooled(n, c) = sum / Wide<T>(height.value * width.value);
  }
}

template <class T>
void compute_gate(const SqueezeExciteForward<T>& a, N n) {
  for (D d : range(a.reduce_weight.template extent<D>())) {
    Wide<T> sum = a.reduce_bias(d);
    for (C c : range(a.x.template extent<C>())) sum += Wide<T>(a.reduce_weight(d, c)) * a.pooled(n, c);
    a.squeezed(n, d) = sum > 0 ? sum : 0;
  }
  for (C c : range(a.x.template extent<C>())) {
    Wide<T> sum = a.expand_bias(c);
    for (D d : range(a.reduce_weight.template extent<D>()))
      sum += Wide<T>(a.expand_weight(c, d)) * a.squeezed(n, d);
    a.gate(n, c) = 1 / (1 + std::exp(-sum));
  }
}

// Gradients of the gate's and the squeezed value's arguments.
template <class T>
struct ArgumentGradients {
  std::vector<Wide<T>> of_gate, of_squeezed;
  View<Wide<T>, N, C> da;
  View<Wide<T>, N, D> ds;

  ArgumentGradients(N n, C c, D d)
      : of_gate(static_cast<std::size_t>(n.value * c.value)),
        of_squeezed(static_cast<std::size_t>(n.value * d.value)),
        da(of_gate.data(), n, c),
        ds(of_squeezed.data(), n, d) {}
};

template <class T>
void compute_argument_gradients(const SqueezeExciteBackward<T>& a, N n,
                                const ArgumentGradients<T>& gradients) {
  for (C c : range(a.x.template extent<C>())) {
    Wide<T> sum = 0;
    for (H h : range(a.x.template extent<H>())) {
      for (W w : range(a.x.template extent<W>())) sum += Wide<T>(a.dy(n, h, w, c)) * Wide<T>(a.x(n, h, w, c));
    }
    gradients.da(n, c) = sum * a.gate(n, c) * (1 - a.gate(n, c));
  }
  for (D d : range(a.squeezed.template extent<D>())) {
    Wide<T> sum = 0;
    for (C c : range(a.x.template extent<C>())) sum += gradients.da(n, c) * Wide<T>(a.expand_weight(c, d));
    gradients.ds(n, d) = a.squeezed(n, d) > 0 ? sum : 0;
  }
}

template <class T>
void compute_dx(const SqueezeExciteBackward<T>& a, N n, const ArgumentGradients<T>& gradients) {
  const H height = a.x.template extent<H>();
  const W width = a.x.template extent<W>();
  for (C c : range(a.x.template extent<C>())) {
    Wide<T> dpooled = 0;
    for (D d : range(a.squeezed.template extent<D>())) {
      dpooled += gradients.ds(n, d) * Wide<T>(a.reduce_weight(d, c));
    }
    const Wide<T> per_pixel = dpooled / Wide<T>(height.value * width.value);
    for (H h : range(height)) {
      for (W w : range(width)) a.dx(n, h, w, c) = T(Wide<T>(a.dy(n, h, w, c)) * a.gate(n, c) + per_pixel);
    }
  }
}

// The gradient of a weight [Rows, Columns] and its bias [Rows]: sums over the samples of doutput[n, row]
// input[n, column] and of doutput[n, row].
template <class Rows, class Columns, class Sum, class Output, class Input>
void add_weight_gradients(const View<Output, N, Rows>& doutput, const View<Input, N, Columns>& input,
                          float accumulate, const View<Sum, Rows, Columns>& dweight,
                          const View<Sum, Rows>& dbias) {
  for (Rows row : range(dbias.template extent<Rows>())) {
    for (Columns column : range(dweight.template extent<Columns>())) {
      Sum sum = 0;
      for (N n : range(input.template extent<N>())) sum += doutput(n, row) * input(n, column);
      accumulate_into(dweight(row, column), accumulate, sum);
    }
    Sum sum = 0;
    for (N n : range(input.template extent<N>())) sum += doutput(n, row);
    accumulate_into(dbias(row), accumulate, sum);
  }
}

}  // namespace

template <class T>
void squeeze_excite(Reference, const SqueezeExciteForward<T>& a) {
  check(a);
  for (N n : range(a.x.template extent<N>())) {
    pool(a, n);
    compute_gate(a, n);
    if (!a.y) continue;
    for (H h : range(a.x.template extent<H>())) {
      for (W w : range(a.x.template extent<W>())) {
        for (C c : range(a.x.template extent<C>())) {
          a.y(n, h, w, c) = T(Wide<T>(a.x(n, h, w, c)) * a.gate(n, c));
        }
      }
    }
  }
}

template <class T>
void squeeze_excite(Reference, const SqueezeExciteBackward<T>& a) {
  check(a);
  const ArgumentGradients<T> gradients(a.x.template extent<N>(), a.x.template extent<C>(),
                                       a.squeezed.template extent<D>());
  for (N n : range(a.x.template extent<N>())) {
    compute_argument_gradients(a, n, gradients);
    compute_dx(a, n, gradients);
  }
  add_weight_gradients(gradients.da, a.squeezed, a.accumulate, a.dexpand_weight, a.dexpand_bias);
  add_weight_gradients(gradients.ds, a.pooled, a.accumulate, a.dreduce_weight, a.dreduce_bias);
}

#define CF_INSTANTIATE(T)                                                  \
  template void squeeze_excite(Reference, const SqueezeExciteForward<T>&); \
  template void squeeze_excite(Reference, const SqueezeExciteBackward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
