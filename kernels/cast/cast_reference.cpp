#include <algorithm>

#include "kernels/base/check_extent.h"
#include "kernels/cast/cast.h"

namespace cf::kernels {

template <class T>
void cast(Reference, const Cast<T>& args) {
  check_extent<I>("cast", "x", args.x, "y", args.y);
  std::transform(args.x.begin(), args.x.end(), args.y.begin(), [](Wide<T> x) { return static_cast<T>(x); });
}

template void cast(Reference, const Cast<double>&);
template void cast(Reference, const Cast<float>&);
template void cast(Reference, const Cast<Half>&);
template void cast(Reference, const Cast<BFloat16>&);

template <class T>
void cast(Reference, const Widen<T>& args) {
  check_extent<I>("cast", "x", args.x, "y", args.y);
  std::transform(args.x.begin(), args.x.end(), args.y.begin(), [](T x) { return static_cast<Wide<T>>(x); });
}

template void cast(Reference, const Widen<double>&);
template void cast(Reference, const Widen<float>&);
template void cast(Reference, const Widen<Half>&);
template void cast(Reference, const Widen<BFloat16>&);

void cast(Cpu, const Widen<float>& args) { cast(Reference{}, args); }
void cast(Cpu, const Cast<float>& args) { cast(Reference{}, args); }

}  // namespace cf::kernels
