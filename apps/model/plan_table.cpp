#include "apps/model/plan_table.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/bench/device_limits.h"
#include "apps/bench/named_gpu.h"
#include "apps/bench/plan_times.h"
#include "apps/console/format.h"
#include "apps/execution/device_name.h"
#include "apps/inference/measured_routes.h"
#include "framework/runtime/captured_work.h"
#include "layers/inference_plan.h"

namespace cf::apps {

namespace {

using layers::InferencePlan;
using layers::PlannedPart;

struct PartRow {
  const PlannedPart* part;
  double predicted = 0;                  // seconds
  double measured = 0;                   // seconds; 0: not measured
  std::vector<double> kernels = {};      // measured seconds of each
  std::vector<GpuKernel> launches = {};  // on a GPU
};

struct PlanTable {
  std::string device;
  DType type;
  int batch, size;
  DeviceLimits limits;
  std::vector<PartRow> rows;
  double measured = 0;  // of the whole plan
  std::size_t memory_bytes, activation_bytes;

  double predicted() const {
    return std::accumulate(rows.begin(), rows.end(), 0.0,
                           [](double sum, const PartRow& row) { return sum + row.predicted; });
  }
};

// One kernel after the other, each bound by the slower of arithmetic and memory.
double predicted_seconds(const PlannedPart& part, const DeviceLimits& limits) {
  double sum = 0;
  for (const auto& kernel : part.kernels) sum += limits.seconds(2 * kernel.macs, kernel.bytes);
  return sum;
}

PlanTable table_of(const InferencePlan& plan, const DeviceLimits& limits) {
  PlanTable table{
      .limits = limits, .memory_bytes = plan.memory_bytes(), .activation_bytes = plan.activation_bytes()};
  for (const PlannedPart& part : plan.parts()) {
    table.rows.push_back({.part = &part, .predicted = predicted_seconds(part, limits)});
  }
  return table;
}

// --- what is printed

std::string tile_text(const layers::Route& route) {
  if (route.convfirst.kind != kernels::ConvFirstRoute::Kind::None) {
    return fmt::format("{} pixels", route.convfirst.tile_pixels);
  }
  if (route.mbconv.images > 0) {
    return fmt::format("{} image{}, {} hidden", route.mbconv.images, route.mbconv.images == 1 ? "" : "s",
                       kernels::MBConvHopperTiling::kSlice);
  }
  return "";
}

std::string route_text(const PlannedPart& part) {
  if (part.is_block && part.route.is_fused()) return std::string(name_of(part.route.kind));
  const std::size_t count = part.kernels.size();
  return fmt::format("{} layer{}, norms folded", count, count == 1 ? "" : "s");
}

// Of a product of cuBLASLt they are longer than a line.
std::string shortened(const std::string& name) {
  constexpr std::size_t kMost = 92;
  return name.size() <= kMost ? name : name.substr(0, kMost - 3) + "...";
}

std::string microseconds(double seconds) { return seconds > 0 ? fmt::format("{:.1f}", 1e6 * seconds) : ""; }

std::string blocks_text(const GpuKernel& kernel) {
  std::string grid = fmt::format("{}", kernel.grid[0]);
  for (const unsigned more : {kernel.grid[1], kernel.grid[2]}) {
    if (more > 1) grid += fmt::format("x{}", more);
  }
  const std::string clusters = kernel.cluster > 1 ? fmt::format(", clusters of {}", kernel.cluster) : "";
  return fmt::format("{} of {}{}", grid, kernel.threads, clusters);
}

void print_text(const PlanTable& table) {
  fmt::print("{}, {}, batch {}, {}x{} pixels; limits {}B/s, {}FLOP/s\n\n", table.device, name_of(table.type),
             table.batch, table.size, table.size, format_quantity(table.limits.bytes_per_second),
             format_quantity(table.limits.flops_per_second));
  constexpr const char* kRow = "{:<18} {:<36} {:<24} {:<18} {:<26} {:>7} {:>5} {:>12} {:>11}\n";
  constexpr const char* kKernelRow = "  {:<97} {:<26} {:>7} {:>5}\n";
  fmt::print(kRow, "part, kernels", "what", "route", "tile", "blocks of threads", "shared", "regs",
             "predicted us", "measured us");
  for (const PartRow& row : table.rows) {
    fmt::print(kRow, row.part->path, row.part->text, route_text(*row.part), tile_text(row.part->route), "",
               "", "", microseconds(row.predicted), microseconds(row.measured));
    for (const GpuKernel& kernel : row.launches) {
      fmt::print(kKernelRow, shortened(kernel.name), blocks_text(kernel), kernel.shared_bytes,
                 kernel.registers);
    }
  }
  fmt::print(kRow, "total", "", "", "", "", "", "", microseconds(table.predicted()),
             microseconds(table.measured));
  fmt::print("\nactivations of {} in one block of {}\n",
             format_bytes(static_cast<double>(table.activation_bytes)),
             format_bytes(static_cast<double>(table.memory_bytes)));
  std::map<std::string, std::string> not_fused;  // paths by reason
  for (const PartRow& row : table.rows) {
    const auto& route = row.part->route;
    if (!row.part->is_block || route.is_fused()) continue;
    std::string& paths = not_fused[route.why_not_fused];
    paths += (paths.empty() ? "" : ", ") + row.part->path;
  }
  for (const auto& [why, paths] : not_fused) {
    fmt::print("not fused: {} ({})\n", paths, why);
  }
}

nlohmann::ordered_json row_as_json(const PartRow& row) {
  const auto& route = row.part->route;
  nlohmann::ordered_json out = {{"path", row.part->path}, {"what", row.part->text}};
  if (row.part->is_block) out["route"] = name_of(route.kind);
  if (row.part->is_block && !route.is_fused()) out["why_not_fused"] = route.why_not_fused;
  if (route.convfirst.kind != kernels::ConvFirstRoute::Kind::None) {
    out["tile_pixels"] = route.convfirst.tile_pixels;
    out["blocks"] = route.convfirst.blocks;
    out["threads"] = route.convfirst.block_threads;
    out["shared_bytes"] = route.convfirst.shared_bytes;
  }
  if (route.mbconv.images > 0) out["tile_images"] = route.mbconv.images;
  for (const GpuKernel& kernel : row.launches) {
    out["launches"].push_back({{"kernel", kernel.name},
                               {"grid", kernel.grid},
                               {"threads", kernel.threads},
                               {"cluster", kernel.cluster},
                               {"shared_bytes", kernel.shared_bytes},
                               {"registers", kernel.registers}});
  }
  out["predicted_seconds"] = row.predicted;
  if (row.measured > 0) out["measured_seconds"] = row.measured;
  for (std::size_t i = 0; i < row.part->kernels.size(); ++i) {
    const auto& kernel = row.part->kernels[i];
    nlohmann::ordered_json entry = {{"name", kernel.name}, {"macs", kernel.macs}, {"bytes", kernel.bytes}};
    if (!row.kernels.empty()) entry["measured_seconds"] = row.kernels[i];
    out["kernels"].push_back(std::move(entry));
  }
  return out;
}

void print_json(const PlanTable& table) {
  nlohmann::ordered_json out = {{"device", table.device},
                                {"precision", name_of(table.type)},
                                {"batch", table.batch},
                                {"size", table.size},
                                {"bytes_per_second", table.limits.bytes_per_second},
                                {"flops_per_second", table.limits.flops_per_second},
                                {"memory_bytes", table.memory_bytes},
                                {"activation_bytes", table.activation_bytes},
                                {"predicted_seconds", table.predicted()},
                                {"parts", nlohmann::ordered_json::array()}};
  if (table.measured > 0) out["measured_seconds"] = table.measured;
  for (const PartRow& row : table.rows) out["parts"].push_back(row_as_json(row));
  fmt::print("{}\n", out.dump(2));
}

void print_table(PlanTable table, const std::string& device, DType type, int batch, int size, bool json) {
  table.device = device;
  table.type = type;
  table.batch = batch;
  table.size = size;
  if (json) {
    print_json(table);
  } else {
    print_text(table);
  }
}

// --- where the numbers come from

void print_on_paper(const Config& config, int size, const PlanOptions& options, bool json) {
  const NamedGpu& gpu = named_gpu(options.gpu);
  const layers::RouteDevice device = route_device(gpu, options.precision);
  const int batch = options.batch > 0 ? options.batch : 128;
  layers::ConvFirstNet net(config.model);
  const InferencePlan plan(net, {batch, size, size}, device);
  print_table(table_of(plan, gpu.limits), concat(gpu.name, ", by its data sheet"), device.type, batch, size,
              json);
}

void measure(Executor& executor, const InferencePlan& plan, PlanTable& table) {
  PlanTimes times = measure_times(executor, plan);
  table.measured = times.whole;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    PartRow& row = table.rows[i];
    row.measured = times.parts[i];
    row.kernels = std::move(times.kernels[i]);
    if (!CapturedWork::is_possible(executor)) continue;
    row.launches =
        kernels_of(*executor.stream(), [&] { plan.run_kernels(*row.part, 0, row.part->kernels.size()); });
  }
}

}  // namespace

void add_plan_options(CommandLine& line, PlanOptions& options) {
  line.flag("plan", &options.wanted, "how it is computed in inference: routes, times, memory");
  line.option("batch", &options.batch, "N", "--plan: images of a batch; 0: 128 on a GPU, 1 on a CPU");
  line.option("precision", &options.precision, "auto|float32|bf16|fp16", "--plan: type of activations");
  line.option(
      "gpu", &options.gpu, "NAME",
      "--plan: predict for A5000, A100, H100, H200 or RTX4090 instead of measuring the device at hand");
  add_route_option(line, options.deterministic);
  add_device_options(line, options.device);
}

void refuse_without_plan(const PlanOptions& options) {
  const DeviceOptions& device = options.device;
  const bool is_default = options.batch == 0 && options.precision == "auto" && options.gpu.empty() &&
                          !options.deterministic && device.device == "auto" && device.threads == 0;
  CF_CHECK_AS(ErrorKind::Usage, options.wanted || is_default,
              "--batch, --precision, --gpu, --deterministic, --device and --threads go with --plan");
}

void print_plan(const Config& config, int size, const PlanOptions& options, bool json) {
  CF_CHECK_AS(ErrorKind::Usage, options.batch >= 0, "--batch is ", options.batch, ", must be at least 0");
  CF_CHECK_AS(ErrorKind::Usage, config.model.fusion != "off",
              "model.fusion is 'off', which computes without a plan; --plan needs auto or require");
  CF_CHECK_AS(ErrorKind::Usage, options.gpu.empty() || options.device.device == "auto",
              "--gpu predicts for a GPU that is not here and goes without --device");
  if (!options.gpu.empty()) return print_on_paper(config, size, options, json);
  PrecisionConfig precision = config.precision;
  precision.compute = options.precision;
  const auto executor = make_executor(options.device, precision);
  const int batch = options.batch > 0 ? options.batch : executor->stream() ? 128 : 1;
  layers::ConvFirstNet net(config.model);
  const auto store = net.make_store(*executor);
  store->initialise(static_cast<std::uint64_t>(config.seed));
  store->prepare_compute(executor->compute_type());
  const layers::InferenceShape shape{batch, size, size};
  const InferencePlan plan(*executor, net, shape,
                           routes_of(*executor, net, shape, route_choice(options.deterministic)));
  PlanTable table = table_of(plan, measure_limits(*executor, executor->compute_type()));
  measure(*executor, plan, table);
  print_table(std::move(table), device_name(*executor), executor->compute_type(), batch, size, json);
}

}  // namespace cf::apps
