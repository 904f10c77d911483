// What is checked before labels are ranked: check_extents at every place, check where the host can read them.
#pragma once

#include "kernels/accuracy/accuracy.h"
#include "kernels/base/check_extent.h"
#include "kernels/base/labels.h"

namespace cf::kernels {

template <class T>
void check_extents(const LabelRank<T>& args) {
  check_extent<N>("accuracy", "labels", args.labels, "logits", args.logits);
  check_extent<N>("accuracy", "rank", args.rank, "logits", args.logits);
}

template <class T>
void check(const LabelRank<T>& args) {
  check_extents(args);
  check_labels("accuracy", args.labels, args.logits.template extent<K>());
}

}  // namespace cf::kernels
