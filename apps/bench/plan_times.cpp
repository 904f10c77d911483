#include "apps/bench/plan_times.h"

#include "apps/bench/timing.h"

namespace cf::apps {

PlanTimes measure_times(Executor& executor, const layers::InferencePlan& plan) {
  constexpr TimingOptions kTiming{
      .samples = 20, .sample_seconds = 5e-4, .warmup_runs = 2, .most_seconds = 0.5};
  const auto median = [&](auto run) {
    return time_runs(executor, 1, kTiming, [&](std::int64_t) { run(); }).seconds.median;
  };
  const Tensor zeros = executor.zeros(plan.input().dtype(), plan.input().shape());
  executor.copy(zeros, plan.input());
  PlanTimes times{.whole = median([&] { plan.run_kernels(); }), .parts = {}, .kernels = {}};
  for (const layers::PlannedPart& part : plan.parts()) {
    times.parts.push_back(median([&] { plan.run_kernels(part, 0, part.kernels.size()); }));
    auto& kernels = times.kernels.emplace_back();
    for (std::size_t i = 0; i < part.kernels.size(); ++i) {
      kernels.push_back(median([&] { plan.run_kernels(part, i, 1); }));
    }
  }
  return times;
}

}  // namespace cf::apps
