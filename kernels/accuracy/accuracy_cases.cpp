#include "kernels/accuracy/accuracy.h"
#include "kernels/all_cases.h"

namespace cf::kernels {

namespace {

Case label_rank(std::int64_t samples, std::int64_t classes) {
  Case result(concat("accuracy/rank N=", samples, " K=", classes), 1);
  // Small integers: full of ties.
  const auto logits = result.input("logits", integers(classes / 2 + 1), N{samples}, K{classes});
  const auto labels = result.input<Element::Int64>("labels", integers(classes), N{samples});
  const auto rank = result.output<Element::Int64>("rank", N{samples});
  result.benchmark_only = classes >= 1000;
  result.runs([=](auto place, const auto& t) {
    accuracy(place,
             LabelRank<ElementOf<decltype(t)>>{.logits = t(logits), .labels = t(labels), .rank = t(rank)});
  });
  return result;
}

}  // namespace

std::vector<Case> accuracy_cases() {
  return {label_rank(1, 1), label_rank(3, 10), label_rank(131, 37), label_rank(600, 101),
          label_rank(128, 1000)};
}

}  // namespace cf::kernels
