#include "kernels/base/elementwise.cuh"
#include "kernels/batch_norm/collect_statistics.h"

namespace cf::kernels {

namespace {

struct CollectPointers {
  const float *mean, *variance;
  float *batch_mean, *batch_variance;
};

// What was there may be NaN where it is overwritten: it is not read then.
__global__ void collect_statistics_kernel(CollectPointers p, float share, float unbiased, bool adds,
                                          std::int64_t channels) {
  for (std::int64_t c = thread_index(); c < channels; c += thread_count()) {
    p.batch_mean[c] = (adds ? p.batch_mean[c] : 0) + share * p.mean[c];
    p.batch_variance[c] = (adds ? p.batch_variance[c] : 0) + unbiased * p.variance[c];
  }
}

}  // namespace

template <class T>
void collect_statistics(Cuda place, const CollectStatistics<T>& args) {
  const float unbiased = args.share * static_cast<float>(args.count) / static_cast<float>(args.count - 1);
  const CollectPointers pointers{args.mean.data(), args.variance.data(), args.batch_mean.data(),
                                 args.batch_variance.data()};
  launch("collect_statistics", collect_statistics_kernel, flat_shape(args.mean.size(), 1), place, pointers,
         args.share, unbiased, args.accumulate != 0, args.mean.size());
}

template void collect_statistics(Cuda, const CollectStatistics<float>&);

}  // namespace cf::kernels
