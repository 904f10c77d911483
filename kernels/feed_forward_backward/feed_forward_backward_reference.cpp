#include <algorithm>
#include <vector>

#include "kernels/base/accumulate.h"
#include "kernels/feed_forward_backward/feed_forward_backward.h"
#include "kernels/feed_forward_backward/feed_forward_backward_check.h"

namespace cf::kernels {

namespace {

// The arguments as matrices, with the hidden layer and its gradient at hand.
template <class T>
struct Matrices {
  const FeedForwardBackward<T>& args;
  View<const T, M, C> u, dp;
  std::vector<T> a_values, dh_values;
  View<T, M, E> a, dh;

  explicit Matrices(const FeedForwardBackward<T>& arguments)
      : args(arguments),
        u(as_rows<M, C>(arguments.u)),
        dp(as_rows<M, C>(arguments.dp)),
        a_values(static_cast<std::size_t>(pixels().value * hidden().value)),
        dh_values(a_values.size()),
        a(a_values.data(), pixels(), hidden()),
        dh(dh_values.data(), pixels(), hidden()) {}

  M pixels() const { return u.template extent<M>(); }
  C channels() const { return u.template extent<C>(); }
  E hidden() const { return args.expand.template extent<E>(); }
};

template <class T>
void compute_hidden(Matrices<T>& p) {
  for (const M m : range(p.pixels())) {
    for (const E e : range(p.hidden())) {
      Wide<T> h = p.args.expand_bias(e), da = 0;
      for (const C c : range(p.channels())) h += Wide<T>(p.args.expand(e, c)) * Wide<T>(p.u(m, c));
      for (const C c : range(p.channels())) da += Wide<T>(p.args.project(c, e)) * Wide<T>(p.dp(m, c));
      p.a(m, e) = T(std::max(h, Wide<T>(0)));
      p.dh(m, e) = Wide<T>(p.a(m, e)) > 0 ? T(da) : T(0);
    }
  }
}

template <class T>
void compute_input_gradient(const Matrices<T>& p) {
  const auto du = as_rows<M, C>(p.args.du);
  for (const M m : range(p.pixels())) {
    for (const C c : range(p.channels())) {
      Wide<T> sum = 0;
      for (const E e : range(p.hidden())) sum += Wide<T>(p.args.expand(e, c)) * Wide<T>(p.dh(m, e));
      du(m, c) = T(sum);
    }
  }
}

template <class T>
void compute_weight_gradients(const Matrices<T>& p) {
  for (const E e : range(p.hidden())) {
    for (const C c : range(p.channels())) {
      Wide<T> dproject = 0, dexpand = 0;
      for (const M m : range(p.pixels())) {
        dproject += Wide<T>(p.dp(m, c)) * Wide<T>(p.a(m, e));
        dexpand += Wide<T>(p.dh(m, e)) * Wide<T>(p.u(m, c));
      }
      accumulate_into(p.args.dproject(c, e), p.args.accumulate, dproject);
      p.args.dexpand(e, c) = dexpand;
    }
    Wide<T> sum = 0;
    for (const M m : range(p.pixels())) sum += Wide<T>(p.dh(m, e));
    p.args.dexpand_bias(e) = sum;
  }
}

}  // namespace

template <class T>
void feed_forward(Reference, const FeedForwardBackward<T>& args) {
  check(args);
  Matrices<T> problem(args);
  compute_hidden(problem);
  compute_input_gradient(problem);
  compute_weight_gradients(problem);
}

#define CF_INSTANTIATE(T) template void feed_forward(Reference, const FeedForwardBackward<T>&);
CF_INSTANTIATE(double)
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
