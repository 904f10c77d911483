#include "apps/bench/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "framework/runtime/captured_work.h"

namespace cf::apps {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr std::int64_t kMostRuns = 4096;  // of one measurement; a graph has a node or more for each

// Runs of one measurement: whole rotations that take sample_seconds together.
std::int64_t runs_per_sample(double seconds_of_run, std::int64_t rotation, double sample_seconds) {
  const double wanted = std::ceil(sample_seconds / std::max(seconds_of_run, 1e-9));
  const double rotations = std::ceil(wanted / static_cast<double>(rotation));
  const auto most = std::max<std::int64_t>(1, kMostRuns / rotation);
  return rotation * std::clamp(static_cast<std::int64_t>(std::min(rotations, 1e9)), std::int64_t{1}, most);
}

int samples_within(const TimingOptions& options, double sample_seconds) {
  const double affordable = options.most_seconds / std::max(sample_seconds, 1e-9);
  if (affordable >= options.samples) return options.samples;
  return std::min(options.samples, std::max(kLeastSamples, static_cast<int>(affordable)));
}

// A number of runs as one thing that can be started again and again: a graph on a GPU, a loop on the host.
class Repeated {
 public:
  Repeated(Executor& executor, std::int64_t runs, std::int64_t rotation,
           const std::function<void(std::int64_t)>& run)
      : executor_(executor), work_([=] {
          for (std::int64_t i = 0; i < runs; ++i) run(i % rotation);
        }) {
    if (CapturedWork::is_possible(executor)) graph_ = std::make_unique<CapturedWork>(executor, work_);
  }

  void start() const {
    if (graph_) {
      graph_->replay();
    } else {
      work_();
    }
  }

  bool is_graph() const { return graph_ != nullptr; }

  double seconds() const {
    executor_.synchronize();
    const auto begin = Clock::now();
    start();
    executor_.synchronize();
    return seconds_since(begin);
  }

 private:
  Executor& executor_;
  std::function<void()> work_;
  std::unique_ptr<CapturedWork> graph_;
};

// One measurement behind the other; the host waits once, at the end.
std::vector<double> measure_on_gpu(const GpuStream& stream, const Repeated& work, int samples) {
  std::vector<GpuEvent> events(static_cast<std::size_t>(samples) + 1);
  events[0].record(stream);
  for (std::size_t i = 1; i < events.size(); ++i) {
    work.start();
    events[i].record(stream);
  }
  events.back().synchronize();
  std::vector<double> seconds;
  for (std::size_t i = 1; i < events.size(); ++i)
    seconds.push_back(1e-3 * events[i].milliseconds_since(events[i - 1]));
  return seconds;
}

std::vector<double> measure_on_host(const Repeated& work, int samples) {
  std::vector<double> seconds;
  for (int i = 0; i < samples; ++i) seconds.push_back(work.seconds());
  return seconds;
}

void warm_up(Executor& executor, std::int64_t rotation, const TimingOptions& options,
             const std::function<void(std::int64_t)>& run) {
  const std::int64_t runs = std::max<std::int64_t>(options.warmup_runs, rotation);
  const auto begin = Clock::now();
  for (std::int64_t i = 0; i < runs || seconds_since(begin) < options.warmup_seconds; ++i) {
    run(i % rotation);
    executor.synchronize();
  }
}

}  // namespace

Timing time_runs(Executor& executor, std::int64_t rotation, const TimingOptions& options,
                 const std::function<void(std::int64_t)>& run) {
  CF_CHECK(rotation > 0 && options.samples > 0, "a benchmark of ", options.samples, " samples over ",
           rotation, " copies of its data");
  warm_up(executor, rotation, options, run);
  auto work = std::make_unique<Repeated>(executor, rotation, rotation, run);
  work->start();
  double seconds = work->seconds();
  const std::int64_t runs =
      runs_per_sample(seconds / static_cast<double>(rotation), rotation, options.sample_seconds);
  if (runs != rotation) {
    work = std::make_unique<Repeated>(executor, runs, rotation, run);
    work->start();
    seconds = work->seconds();
  }
  const int samples = samples_within(options, seconds);
  auto measured = executor.stream() ? measure_on_gpu(*executor.stream(), *work, samples)
                                    : measure_on_host(*work, samples);
  for (double& of_sample : measured) of_sample /= static_cast<double>(runs);
  return {.seconds = spread_of(std::move(measured)), .runs_per_sample = runs, .in_graph = work->is_graph()};
}

}  // namespace cf::apps
