#include <cmath>

#include "kernels/accuracy/accuracy.h"
#include "kernels/accuracy/accuracy_check.h"

namespace cf::kernels {

template <class T>
void accuracy(Reference, const LabelRank<T>& args) {
  check(args);
  const K classes = args.logits.template extent<K>();
  for (const N n : range(args.logits.template extent<N>())) {
    const K label{args.labels(n)};
    const Wide<T> of_label = args.logits(n, label);
    std::int64_t rank = 0;
    for (const K k : range(classes)) {
      const Wide<T> logit = args.logits(n, k);
      if (std::isnan(logit) || logit > of_label || (logit == of_label && k < label)) ++rank;
    }
    args.rank(n) = std::isnan(of_label) ? classes.value : rank;
  }
}

template void accuracy(Reference, const LabelRank<double>&);
template void accuracy(Reference, const LabelRank<float>&);
template void accuracy(Reference, const LabelRank<Half>&);
template void accuracy(Reference, const LabelRank<BFloat16>&);

}  // namespace cf::kernels
