#include "kernels/base/philox.h"
#include "kernels/dropout/dropout.h"
#include "kernels/dropout/dropout_check.h"

namespace cf::kernels {

template <class T>
void dropout(Reference, const Dropout<T>& args) {
  check(args);
  Philox stream(args.seed, Purpose::Dropout, static_cast<std::uint64_t>(args.draw(I{0})), args.layer);
  const Wide<T> keep_probability = 1 - static_cast<Wide<T>>(args.probability);
  for (const I i : range(args.x.template extent<I>())) {
    const bool keep = stream.uniform() >= args.probability;
    args.y(i) = keep ? static_cast<T>(static_cast<Wide<T>>(args.x(i)) / keep_probability) : T{0};
  }
}

template void dropout(Reference, const Dropout<double>&);
template void dropout(Reference, const Dropout<float>&);
template void dropout(Reference, const Dropout<Half>&);
template void dropout(Reference, const Dropout<BFloat16>&);

}  // namespace cf::kernels
