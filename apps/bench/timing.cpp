#include "apps/bench/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <tuple>

#include "framework/runtime/captured_work.h"

namespace cf::apps {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr std::int64_t kMostRuns = 4096;  // of one measurement; a graph has a node or more for each

// Runs of one measurement that take sample_seconds together: a multiple of `unit`.
std::int64_t runs_per_sample(double seconds_of_run, std::int64_t unit, double sample_seconds) {
  const double wanted = sample_seconds / std::max(seconds_of_run, 1e-9);
  const double units = std::ceil(wanted / static_cast<double>(unit));
  const auto most = std::max<std::int64_t>(1, kMostRuns / unit);
  return unit * std::clamp(static_cast<std::int64_t>(std::min(units, 1e9)), std::int64_t{1}, most);
}

int samples_within(const TimingOptions& options, double sample_seconds) {
  const double affordable = options.most_seconds / std::max(sample_seconds, 1e-9);
  if (affordable >= options.samples) return options.samples;
  return std::min(options.samples, std::max(kLeastSamples, static_cast<int>(affordable)));
}

// The numbered runs, in turn.
class Runs {
 public:
  Runs(Executor& executor, std::int64_t rotation, const std::function<void(std::int64_t)>& run)
      : executor_(executor), rotation_(rotation), run_(run) {}

  void operator()(std::int64_t runs) {
    for (std::int64_t i = 0; i < runs; ++i) run_(next_++ % rotation_);
  }

  // Seconds of so many, waited for.
  double seconds(std::int64_t runs) {
    executor_.synchronize();
    const auto begin = Clock::now();
    (*this)(runs);
    executor_.synchronize();
    return seconds_since(begin);
  }

 private:
  Executor& executor_;
  std::int64_t rotation_, next_ = 0;
  const std::function<void(std::int64_t)>& run_;
};

void warm_up(Runs& runs, const TimingOptions& options) {
  const auto begin = Clock::now();
  for (int i = 0; i < options.warmup_runs || seconds_since(begin) < options.warmup_seconds; ++i) {
    runs.seconds(1);
  }
}

// Replays, one behind the other; the host waits once, at the end.
std::vector<double> replay_seconds(const GpuStream& stream, const CapturedWork& work, int replays) {
  std::vector<GpuEvent> events(static_cast<std::size_t>(replays) + 1);
  events[0].record(stream);
  for (std::size_t i = 1; i < events.size(); ++i) {
    work.replay();
    events[i].record(stream);
  }
  events.back().synchronize();
  std::vector<double> seconds;
  for (std::size_t i = 1; i < events.size(); ++i)
    seconds.push_back(1e-3 * events[i].milliseconds_since(events[i - 1]));
  return seconds;
}

// A graph holds whole rotations. How many are needed shows the time of one in a graph: outside of it, short
// kernels wait for the host.
Timing time_graph(Executor& executor, std::int64_t rotation, Runs& runs, const TimingOptions& options) {
  constexpr int kFirst = 2;  // replays before the first that counts
  const auto record = [&](std::int64_t count) {
    auto work = std::make_unique<CapturedWork>(executor, [&] { runs(count); });
    const double seconds = replay_seconds(*executor.stream(), *work, kFirst).back();
    return std::pair(std::move(work), seconds);
  };
  auto [work, seconds] = record(rotation);
  const std::int64_t count =
      runs_per_sample(seconds / static_cast<double>(rotation), rotation, options.sample_seconds);
  if (count != rotation) std::tie(work, seconds) = record(count);
  auto samples = replay_seconds(*executor.stream(), *work, samples_within(options, seconds));
  for (double& sample : samples) sample /= static_cast<double>(count);
  return {.seconds = spread_of(std::move(samples)), .runs_per_sample = count, .in_graph = true};
}

Timing time_on_host(Runs& runs, const TimingOptions& options) {
  const double seconds = runs.seconds(1);
  const std::int64_t count = runs_per_sample(seconds, 1, options.sample_seconds);
  std::vector<double> samples(
      static_cast<std::size_t>(samples_within(options, seconds * static_cast<double>(count))));
  for (double& sample : samples) sample = runs.seconds(count) / static_cast<double>(count);
  return {.seconds = spread_of(std::move(samples)), .runs_per_sample = count, .in_graph = false};
}

}  // namespace

Timing time_runs(Executor& executor, std::int64_t rotation, const TimingOptions& options,
                 const std::function<void(std::int64_t)>& run) {
  CF_CHECK(rotation > 0 && options.samples > 0, "a benchmark of ", options.samples, " samples over ",
           rotation, " copies of its data");
  Runs runs(executor, rotation, run);
  warm_up(runs, options);
  return CapturedWork::is_possible(executor) ? time_graph(executor, rotation, runs, options)
                                             : time_on_host(runs, options);
}

}  // namespace cf::apps
