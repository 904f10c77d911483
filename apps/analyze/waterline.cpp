#include "apps/analyze/waterline.h"

#include "apps/analyze/measured_rows.h"
#include "apps/bench/plan_times.h"
#include "apps/train/training_plan.h"
#include "layers/inference_plan.h"
#include "layers/training_cost.h"

namespace cf::apps {

namespace {

using layers::ConvFirstNet;
using layers::InferencePlan;

void append_parts(const InferencePlan& plan, KernelSequence& sequence) {
  for (const layers::PlannedPart& part : plan.parts()) {
    SequencePart out{.path = part.path, .text = part.text, .kernels = part.kernels};
    if (part.is_block) {
      out.route = name_of(part.route.kind);
      out.why_not_fused = part.route.why_not_fused;
    }
    sequence.parts.push_back(std::move(out));
  }
}

void measure(Executor& executor, const InferencePlan& plan, KernelSequence& sequence) {
  PlanTimes times = measure_times(executor, plan);
  sequence.measured = times.whole;
  sequence.measured_by = "kernels run here";
  for (std::size_t i = 0; i < sequence.parts.size(); ++i) {
    sequence.parts[i].measured = std::move(times.kernels[i]);
  }
}

// `weights` are those of `net`, bound to the executor; null: on paper.
KernelSequence inference_sequence(const Waterline& waterline, ConvFirstNet& net, bool fuses) {
  KernelSequence sequence{.name = fuses ? "fused" : "layer-wise", .parts = {}};
  layers::RouteDevice route = waterline.device.route;
  route.fuses = fuses;
  const layers::InferenceShape shape{waterline.batch, waterline.size, waterline.size};
  if (waterline.device.executor == nullptr) {
    append_parts(InferencePlan(net, shape, route), sequence);
    return sequence;
  }
  const InferencePlan plan(*waterline.device.executor, net, shape, route);
  append_parts(plan, sequence);
  measure(*waterline.device.executor, plan, sequence);
  return sequence;
}

void analyze_inference(const Config& config, Waterline& waterline) {
  ConvFirstNet net(config.model);
  std::unique_ptr<ParameterStore> store;
  if (Executor* executor = waterline.device.executor.get()) {
    store = net.make_store(*executor);
    store->initialise(static_cast<std::uint64_t>(config.seed));
    store->prepare_compute(executor->compute_type());
  }
  waterline.layer_wise = inference_sequence(waterline, net, false);
  waterline.fused = inference_sequence(waterline, net, true);
}

KernelSequence training_sequence(const Config& config, const Waterline& waterline, bool fuses) {
  KernelSequence sequence{.name = fuses ? "fused" : "layer-wise", .parts = {}};
  ConvFirstNet net(config.model);
  const optim::OptimizerOptions optimizer = optimizer_options(config);
  const Shape images(N{waterline.batch}, H{waterline.size}, W{waterline.size}, C{config.model.channels});
  const auto parts = training_cost(net, images,
                                   {.place = waterline.device.route.place,
                                    .type = waterline.device.route.type,
                                    .fuses = fuses,
                                    .optimizer_states = static_cast<int>(state_names(optimizer.kind).size()),
                                    .averages = optimizer.ema_decay > 0});
  for (const layers::TrainingPart& part : parts) {
    SequencePart out{.path = part.path, .text = part.text, .kernels = part.passes};
    if (part.is_block) {
      out.route = part.why_not_fused.empty() ? "fused passes" : "layers";
      out.why_not_fused = part.why_not_fused;
    }
    sequence.parts.push_back(std::move(out));
  }
  return sequence;
}

}  // namespace

Waterline analyze_waterline(Config config, bool training, int batch, int size, AnalysisDevice device) {
  config.model.fusion = "auto";  // both ways are looked at
  Waterline waterline{.model = config.model.name,
                      .training = training,
                      .batch = batch,
                      .size = size,
                      .device = std::move(device),
                      .layer_wise = {},
                      .fused = {}};
  if (training) {
    waterline.layer_wise = training_sequence(config, waterline, false);
    waterline.fused = training_sequence(config, waterline, true);
  } else {
    analyze_inference(config, waterline);
  }
  return waterline;
}

void add_measured(Waterline& waterline, const Config& config, const std::string& file) {
  const auto macs =
      static_cast<double>(ConvFirstNet(config.model).describe(waterline.size, waterline.size).total().macs);
  const std::string bench = waterline.training ? "train" : "infer";
  for (const MeasuredRow& row : read_measured_rows(file)) {
    const auto check = [&](const char* key, const auto& measured, const auto& analyzed) {
      CF_CHECK_AS(ErrorKind::Usage, measured == analyzed, file, ": '", key, "' is ", measured,
                  ", what is analyzed has ", analyzed);
    };
    check("bench", row.bench, bench);
    check("batch", row.batch, waterline.batch);
    if (row.size > 0) check("size", row.size, waterline.size);
    check("macs_per_image", row.macs_of_image, macs);
    KernelSequence& sequence = row.how == "layer-wise" ? waterline.layer_wise : waterline.fused;
    sequence.measured = row.seconds;
    sequence.measured_by = row.device.empty() ? file : concat(row.device, ", ", file);
  }
}

}  // namespace cf::apps
