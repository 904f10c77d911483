// What every place checks before it ranks labels.
#pragma once

#include "kernels/accuracy/accuracy.h"
#include "kernels/base/check_extent.h"
#include "kernels/base/labels.h"

namespace cf::kernels {

template <class T>
void check(const LabelRank<T>& args) {
  check_extent<N>("accuracy", "labels", args.labels, "logits", args.logits);
  check_extent<N>("accuracy", "rank", args.rank, "logits", args.logits);
  check_labels("accuracy", args.labels, args.logits.template extent<K>());
}

}  // namespace cf::kernels
