#include "apps/bench/block_sweep.h"

#include <memory>

#include "apps/analyze/kernel_sequence.h"
#include "apps/bench/case_selection.h"
#include "apps/bench/repeated_values.h"
#include "apps/bench/rotating_memory.h"
#include "layers/inference_plan.h"
#include "layers/training_cost.h"

namespace cf::apps {

namespace {

// A block behind a 1x1 stem: as little of a network as a plan can have.
layers::ConvFirstNetSpec network_of(const BlockCase& shape) {
  return {.name = shape.kind,
          .classes = 1,
          .channels = 1,
          .patch = 1,
          .blocks = {shape.kind},
          .widths = {static_cast<int>(shape.channels)},
          .depths = {1},
          .expansion = {static_cast<int>(shape.expansion)},
          .head = 1,
          .drop_path = 0};
}

// A block in inference plans of its own, each with other memory and another image in front of the block.
class PlannedBlock {
 public:
  PlannedBlock(Executor& executor, const BlockCase& shape, bool fuses, std::int64_t copies)
      : net_(network_of(shape)), store_(net_.make_store(executor)) {
    store_->initialise(1);
    store_->prepare_compute(executor.compute_type());
    layers::RouteDevice device = layers::route_device(executor, executor.compute_type());
    device.fuses = fuses;
    const layers::InferenceShape images{shape.n, shape.side, shape.side};
    for (std::int64_t i = 0; i < copies; ++i) {
      const auto& plan =
          *plans_.emplace_back(std::make_unique<layers::InferencePlan>(executor, net_, images, device));
      const Tensor input = plan.input();
      executor.copy(normal_tensor(executor, input.dtype(), input.shape()), input);
      const layers::PlannedPart& stem = plan.parts().front();
      plan.run_kernels(stem, 0, stem.kernels.size());
    }
  }

  // Its input is still there after a run: memory of what comes later may be that of what comes before.
  void run(std::int64_t copy) const {
    const auto& plan = *plans_[static_cast<std::size_t>(copy)];
    plan.run_kernels(part(), 0, part().kernels.size());
  }

  const layers::PlannedPart& part() const {
    return *std::ranges::find_if(plans_.front()->parts(), &layers::PlannedPart::is_block);
  }

 private:
  layers::ConvFirstNet net_;
  std::unique_ptr<ParameterStore> store_;
  std::vector<std::unique_ptr<layers::InferencePlan>> plans_;
};

std::int64_t copies_of(const Executor& executor, const BlockCase& shape, std::int64_t cache_bytes) {
  constexpr std::int64_t kMost = 64;  // plans; the least blocks stay in the cache
  const std::int64_t elements = 2 * shape.n * shape.side * shape.side * shape.channels;
  return std::min(kMost, copies_beyond(cache_bytes, elements * size_of(executor.compute_type())));
}

SweepTime time_planned(Executor& executor, const PlannedBlock& block, std::int64_t copies,
                       const DeviceLimits& limits, const TimingOptions& options) {
  const auto& kernels = block.part().kernels;
  return {.predicted = total_of(kernels, limits).seconds,
          .timing = time_runs(executor, copies, options, [&](std::int64_t copy) { block.run(copy); }),
          .kernels = static_cast<int>(kernels.size()),
          .copies = copies};
}

// The block on paper, in training.
layers::TrainingPart training_part(const Executor& executor, const BlockCase& shape) {
  layers::ConvFirstNet net(network_of(shape));
  const auto parts = layers::training_cost(
      net, Shape(N{shape.n}, H{shape.side}, W{shape.side}, C{1}),
      {.place = executor.kind(), .type = executor.compute_type(), .fuses = shape.fused});
  return *std::ranges::find_if(parts, &layers::TrainingPart::is_block);
}

SweepTime time_training(Executor& executor, const BlockCase& shape, const layers::TrainingPart& part,
                        const DeviceLimits& limits, std::int64_t cache_bytes, const TimingOptions& options) {
  const CaseResult result = benchmark_block(executor, shape, limits, cache_bytes, options);
  return {.predicted = total_of(part.passes, limits).seconds,
          .timing = result.timing,
          .kernels = static_cast<int>(part.passes.size()),
          .copies = result.copies};
}

SweepResult sweep_training(Executor& executor, BlockCase shape, const DeviceLimits& limits,
                           std::int64_t cache_bytes, const TimingOptions& options) {
  SweepResult result{.shape = shape};
  result.layers =
      time_training(executor, shape, training_part(executor, shape), limits, cache_bytes, options);
  shape.fused = true;
  const layers::TrainingPart fused = training_part(executor, shape);
  result.why_not_fused = fused.why_not_fused;
  if (result.why_not_fused.empty()) {
    result.fused = time_training(executor, shape, fused, limits, cache_bytes, options);
  }
  return result;
}

}  // namespace

SweepGrid default_grid(const Executor& executor) {
  if (executor.kind() != PlaceKind::Cuda) {
    return {.widths = {16, 32, 64}, .expansions = {4}, .sizes = {14}, .batches = {4}};
  }
  return {.widths = {16, 32, 48, 64, 96, 128, 160, 192},
          .expansions = {4, 6},
          .sizes = {56, 28, 14},
          .batches = {1, 128}};
}

std::vector<BlockCase> sweep_shapes(const SweepGrid& grid, bool training, const std::string& pattern) {
  std::vector<BlockCase> shapes;
  for (const char* kind : {"convfirst", "mbconv"}) {
    for (const int n : grid.batches) {
      for (const int side : grid.sizes) {
        for (const int expansion : grid.expansions) {
          for (const int width : grid.widths) {
            const BlockCase shape{kind, n, side, width, expansion, training};
            const bool can_be_fused = !training || shape.kind == "convfirst";
            if (can_be_fused && name_matches(shape.name(), pattern)) shapes.push_back(shape);
          }
        }
      }
    }
  }
  return shapes;
}

SweepResult sweep_block(Executor& executor, const BlockCase& shape, const DeviceLimits& limits,
                        std::int64_t cache_bytes, const TimingOptions& options) {
  if (shape.training) return sweep_training(executor, shape, limits, cache_bytes, options);
  SweepResult result{.shape = shape};
  const std::int64_t copies = copies_of(executor, shape, cache_bytes);
  {
    const PlannedBlock block(executor, shape, false, copies);
    result.layers = time_planned(executor, block, copies, limits, options);
  }
  const PlannedBlock block(executor, shape, true, copies);
  if (const layers::Route& route = block.part().route; !route.is_fused()) {
    result.why_not_fused = route.why_not_fused;
    return result;
  }
  result.fused = time_planned(executor, block, copies, limits, options);
  return result;
}

}  // namespace cf::apps
