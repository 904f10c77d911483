#include <algorithm>

#include "apps/bench/bench_commands.h"
#include "apps/bench/device_limits.h"
#include "apps/bench/model_benchmark.h"
#include "apps/bench/training_steps.h"
#include "apps/execution/device_name.h"
#include "apps/train/training_plan.h"

namespace cf::apps {

namespace {

// Of the steps of all ranks.
class CommunicationSeconds {
 public:
  void add(const CommunicationTimes& step) {
    sums_.push_back(step.sums);
    waited_.push_back(step.waited);
  }

  // The medians of each rank's steps, and of these the mean.
  std::optional<CommunicationTimes> over(Communicator& ranks) const {
    if (ranks.world() == 1) return std::nullopt;
    std::vector<CommunicationTimes> medians(static_cast<std::size_t>(ranks.world()));
    medians[static_cast<std::size_t>(ranks.rank())] = {spread_of(sums_).median, spread_of(waited_).median};
    ranks.all_gather(std::as_writable_bytes(std::span(medians)));
    CommunicationTimes mean;
    for (const CommunicationTimes& rank : medians) {
      mean.sums += rank.sums / ranks.world();
      mean.waited += rank.waited / ranks.world();
    }
    return mean;
  }

 private:
  std::vector<double> sums_, waited_;
};

ModelBenchmarkResult measure(const ModelBenchmarkOptions& options, const Config& config,
                             Communicator& ranks) {
  const auto executor = make_executor(options.device, config.precision);
  TrainingSteps training(*executor, config, ranks);
  for (int i = 0; i < options.warmup; ++i) training.run();
  std::vector<double> seconds;
  CommunicationSeconds communication;
  for (int i = 0; i < options.steps; ++i) {
    const TrainingSteps::Step step = training.run();
    seconds.push_back(step.seconds);
    if (step.communication) communication.add(*step.communication);
  }
  ranks.wait_for_gpu([&] { executor->synchronize(); });  // a step may be on its way
  return {.bench = "train",
          .config = config,
          .device = device_name(*executor),
          .type = executor->compute_type(),
          .how = training.how_it_runs(),
          .timing = {.seconds = spread_of(std::move(seconds)), .in_graph = training.in_graph()},
          .ranks = ranks.world(),
          .alone = {},
          .communication = communication.over(ranks),
          .warmup = options.warmup,
          .passes = 3,
          .macs_of_image = training.macs_of_image(),
          .peak_bytes = training.peak_bytes(),
          .reserved_bytes = training.reserved_bytes()};
}

// Each for itself, all at the same time: what the slowest rank takes, on all ranks.
Spread measure_alone(const ModelBenchmarkOptions& options, Config config, Communicator& ranks) {
  config.train.batch /= ranks.world();
  const Spread own = measure(options, config, single_rank()).timing.seconds;
  std::vector<Spread> all(static_cast<std::size_t>(ranks.world()));
  all[static_cast<std::size_t>(ranks.rank())] = own;
  ranks.all_gather(std::as_writable_bytes(std::span(all)));
  return *std::max_element(all.begin(), all.end(),
                           [](const Spread& a, const Spread& b) { return a.median < b.median; });
}

}  // namespace

int run_bench_train(const Command& command, const Arguments& arguments) {
  ModelBenchmarkOptions options;
  RankOptions rank_options;
  if (!parse_options(command, arguments, options, &rank_options)) return 0;
  const Config config = config_of(options);
  if (const auto count = rank_options.count_to_start(options.device)) {
    require_equal_shares(config_of(options, *count), *count);
  }
  return run_on_ranks(rank_options, command, arguments, config, options.device, [&](RankSession* session) {
    Communicator& ranks = session != nullptr ? session->communicator() : single_rank();
    const Config of_all = config_of(options, ranks.world());
    require_equal_shares(of_all, ranks.world());
    std::optional<Spread> alone;
    if (ranks.world() > 1) alone = measure_alone(options, of_all, ranks);
    ModelBenchmarkResult result = measure(options, of_all, ranks);
    result.alone = alone;
    if (ranks.rank() == 0) print(result, options.json);
    return 0;
  });
}

}  // namespace cf::apps
