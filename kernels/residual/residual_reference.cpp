#include "kernels/residual/residual.h"
#include "kernels/residual/residual_check.h"

namespace cf::kernels {

namespace {

// Calls body(h, w, c) for every element of a sample.
template <class T, class Body>
void for_each_element(const View<T, N, H, W, C>& x, const Body& body) {
  for (const H h : range(x.template extent<H>())) {
    for (const W w : range(x.template extent<W>())) {
      for (const C c : range(x.template extent<C>())) body(h, w, c);
    }
  }
}

// The sample of the sum that sample i of the branch belongs to.
N sample_of(const View<const std::int64_t, N>& kept, N i) { return kept ? N{kept(i)} : i; }

}  // namespace

template <class T>
void residual(Reference, const ResidualSum<T>& args) {
  check(args);
  const Wide<T> factor = args.factor;
  const N kept_end = args.branch.template extent<N>();
  N i{0};  // next sample of the branch
  for (const N n : range(args.x.template extent<N>())) {
    const bool is_kept = i < kept_end && sample_of(args.kept, i) == n;
    for_each_element(args.x, [&](H h, W w, C c) {
      Wide<T> sum = args.x(n, h, w, c);
      if (is_kept) {
        sum += factor * (args.scale(c) * static_cast<Wide<T>>(args.branch(i, h, w, c)) + args.shift(c));
      }
      args.y(n, h, w, c) = static_cast<T>(sum);
    });
    if (is_kept) ++i;
  }
}

template <class T>
void residual(Reference, const GatherSamples<T>& args) {
  check(args);
  const Wide<T> factor = args.factor;
  for (const N i : range(args.y.template extent<N>())) {
    for_each_element(args.y, [&](H h, W w, C c) {
      args.y(i, h, w, c) =
          static_cast<T>(factor * static_cast<Wide<T>>(args.x(sample_of(args.kept, i), h, w, c)));
    });
  }
}

template <class T>
void residual(Reference, const ScatterAddSamples<T>& args) {
  check(args);
  for (const N i : range(args.x.template extent<N>())) {
    for_each_element(args.x, [&](H h, W w, C c) {
      T& y = args.y(sample_of(args.kept, i), h, w, c);
      y = static_cast<T>(static_cast<Wide<T>>(y) + static_cast<Wide<T>>(args.x(i, h, w, c)));
    });
  }
}

#define CF_INSTANTIATE(T)                                     \
  template void residual(Reference, const ResidualSum<T>&);   \
  template void residual(Reference, const GatherSamples<T>&); \
  template void residual(Reference, const ScatterAddSamples<T>&)

CF_INSTANTIATE(double);
CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

}  // namespace cf::kernels
