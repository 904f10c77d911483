#include "apps/bench/plan_times.h"

#include "apps/bench/timing.h"

namespace cf::apps {

namespace {

template <class Run>
double median_seconds(Executor& executor, const Run& run) {
  constexpr TimingOptions kTiming{
      .samples = 20, .sample_seconds = 5e-4, .warmup_runs = 2, .warmup_seconds = 0.02, .most_seconds = 0.5};
  return time_runs(executor, 1, kTiming, [&](std::int64_t) { run(); }).seconds.median;
}

void clear_input(Executor& executor, const layers::InferencePlan& plan) {
  executor.copy(executor.zeros(plan.input().dtype(), plan.input().shape()), plan.input());
}

}  // namespace

double measure_part(Executor& executor, const layers::InferencePlan& plan, const layers::PlannedPart& part) {
  clear_input(executor, plan);
  plan.run_kernels();  // so that the part reads numbers
  return median_seconds(executor, [&] { plan.run_kernels(part, 0, part.kernels.size()); });
}

PlanTimes measure_times(Executor& executor, const layers::InferencePlan& plan) {
  PlanTimes times;
  for (const layers::PlannedPart& part : plan.parts()) {
    times.parts.push_back(measure_part(executor, plan, part));
    auto& kernels = times.kernels.emplace_back();
    for (std::size_t i = 0; i < part.kernels.size(); ++i) {
      kernels.push_back(median_seconds(executor, [&] { plan.run_kernels(part, i, 1); }));
    }
  }
  times.whole = median_seconds(executor, [&] { plan.run_kernels(); });  // when clocks have settled
  return times;
}

}  // namespace cf::apps
