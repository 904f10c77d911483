#include "kernels/batch_norm/collect_statistics.h"

namespace cf::kernels {

template <class T>
void collect_statistics(Reference, const CollectStatistics<T>& args) {
  const T share = args.share;
  const T unbiased = share * static_cast<T>(args.count) / static_cast<T>(args.count - 1);
  for (const C c : range(args.mean.template extent<C>())) {
    const bool adds = args.accumulate != 0;  // what was there may be NaN where it is overwritten
    args.batch_mean(c) = (adds ? args.batch_mean(c) : T{0}) + share * args.mean(c);
    args.batch_variance(c) = (adds ? args.batch_variance(c) : T{0}) + unbiased * args.variance(c);
  }
}

template void collect_statistics(Reference, const CollectStatistics<float>&);
template void collect_statistics(Reference, const CollectStatistics<double>&);

void collect_statistics(Cpu, const CollectStatistics<float>& args) { collect_statistics(Reference{}, args); }

}  // namespace cf::kernels
