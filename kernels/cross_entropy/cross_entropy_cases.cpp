#include "kernels/all_cases.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, k;
  LossKind kind;
  bool soft;
  float smoothing;

  std::string text() const {
    return concat(" N=", n, " K=", k, kind == LossKind::CrossEntropy ? "" : " binary", soft ? " soft" : "",
                  " smoothing=", smoothing);
  }
};

struct TargetHandles {
  CaseHandle<Element::Int64, false, N> labels;
  CaseHandle<Element::WideT, false, N, K> soft;
  float smoothing;

  template <class Views>
  ClassificationTarget<ElementOf<Views>> views(const Views& t) const {
    return {.labels = t(labels), .soft_targets = t(soft), .smoothing = smoothing};
  }
};

TargetHandles target_of(Case& c, const Problem& p) {
  TargetHandles handles{.smoothing = p.smoothing};
  if (p.soft) {
    handles.soft = c.input<Element::WideT>("soft_targets", uniform(0, 1), N{p.n}, K{p.k});
  } else {
    handles.labels = c.input<Element::Int64>("labels", integers(p.k), N{p.n});
  }
  return handles;
}

Case forward(const Problem& p) {
  Case result(concat("cross_entropy/forward", p.text()), p.k + p.n);
  const auto logits = result.input("logits", normal(0.5, 3), N{p.n}, K{p.k});
  const auto target = target_of(result, p);
  const auto sample_loss = result.output<Element::WideT>("sample_loss", N{p.n});
  const auto mean_loss = result.output<Element::WideT>("mean_loss", I{1});
  result.benchmark_only = p.k >= 1000;
  result.runs([=](auto place, const auto& t) {
    cross_entropy(place, LossForward<ElementOf<decltype(t)>>{.kind = p.kind,
                                                             .logits = t(logits),
                                                             .target = target.views(t),
                                                             .sample_loss = t(sample_loss),
                                                             .mean_loss = t(mean_loss)});
  });
  return result;
}

Case backward(const Problem& p) {
  Case result(concat("cross_entropy/backward", p.text()), p.k);
  const auto logits = result.input("logits", normal(0.5, 3), N{p.n}, K{p.k});
  const auto target = target_of(result, p);
  const auto dloss = result.input<Element::WideT>("dloss", normal(2, 0.5), I{1});
  const auto dlogits = result.output("dlogits", N{p.n}, K{p.k});
  result.benchmark_only = p.k >= 1000;
  result.runs([=](auto place, const auto& t) {
    cross_entropy(place, LossBackward<ElementOf<decltype(t)>>{.kind = p.kind,
                                                              .logits = t(logits),
                                                              .target = target.views(t),
                                                              .dloss = t(dloss),
                                                              .dlogits = t(dlogits)});
  });
  return result;
}

}  // namespace

std::vector<Case> cross_entropy_cases() {
  std::vector<Case> cases;
  for (const auto kind : {LossKind::CrossEntropy, LossKind::BinaryCrossEntropy}) {
    for (const Problem& p : {Problem{1, 2, kind, false, 0}, Problem{37, 10, kind, false, 0.1F},
                             Problem{131, 67, kind, false, 0}, Problem{37, 11, kind, true, 0},
                             Problem{20, 101, kind, true, 0.2F}, Problem{128, 1000, kind, false, 0.1F}}) {
      cases.push_back(forward(p));
      cases.push_back(backward(p));
    }
  }
  return cases;
}

}  // namespace cf::kernels
