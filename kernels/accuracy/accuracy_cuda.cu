#include "kernels/accuracy/accuracy.h"
#include "kernels/accuracy/accuracy_check.h"
#include "kernels/base/device_types.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/base/reduce.cuh"

namespace cf::kernels {

namespace {

constexpr int kWarps = 4;  // of a block; a warp per sample

// Negated comparisons count a NaN, as larger than every number.
template <class T>
__global__ void label_rank_kernel(const T* logits, const std::int64_t* labels, std::int64_t* ranks,
                                  std::int64_t samples, std::int64_t classes) {
  const std::int64_t sample = std::int64_t{blockIdx.x} * kWarps + threadIdx.y;
  if (sample >= samples) return;
  const T* row = logits + sample * classes;
  const std::int64_t label = labels[sample];
  const bool has_label = label >= 0 && label < classes;
  const float of_label = has_label ? to_float(row[label]) : 0;
  int rank = 0;
  for (std::int64_t k = threadIdx.x; k < classes; k += 32) {
    const float logit = to_float(row[k]);
    if (k != label && !(k < label ? logit < of_label : logit <= of_label)) ++rank;
  }
  rank = warp_sum(rank);
  if (threadIdx.x == 0) ranks[sample] = has_label && !isnan(of_label) ? rank : classes;
}

}  // namespace

template <class T>
void accuracy(Cuda place, const LabelRank<T>& args) {
  check_extents(args);
  const std::int64_t samples = args.logits.template extent<N>().value;
  launch("label_rank", label_rank_kernel<T>,
         {.grid = dim3(static_cast<unsigned>((samples + kWarps - 1) / kWarps)), .block = dim3(32, kWarps)},
         place, args.logits.data(), args.labels.data(), args.rank.data(), samples,
         args.logits.template extent<K>().value);
}

template void accuracy(Cuda, const LabelRank<float>&);
template void accuracy(Cuda, const LabelRank<Half>&);
template void accuracy(Cuda, const LabelRank<BFloat16>&);

}  // namespace cf::kernels
