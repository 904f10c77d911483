// `analyze waterline` as a table and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "apps/analyze/waterline.h"
#include "apps/console/format.h"

namespace cf::apps {

namespace {

using layers::KernelCost;
using nlohmann::ordered_json;

constexpr const char* kCell = "{:<26} {:>8} {:>8} {:>7} {:>9} {:>7} {:>9}";

std::string microseconds(double seconds) { return fmt::format("{:.2f}", 1e6 * seconds); }

// "conv" of "stages.0.blocks.1.conv".
std::string short_name(const SequencePart& part, const KernelCost& kernel) {
  const std::string rest = kernel.name.substr(part.path.size());
  if (rest.empty()) return part.route.empty() || part.route == "layers" ? "kernel" : "block";
  return rest.substr(1);
}

std::string cell(const SequencePart& part, std::size_t i, const DeviceLimits& limits) {
  if (i >= part.kernels.size()) return fmt::format(kCell, "", "", "", "", "", "", "");
  const KernelCost& kernel = part.kernels[i];
  return fmt::format(kCell, short_name(part, kernel), format_quantity(kernel.macs),
                     format_quantity(kernel.bytes), fmt::format("{:.1f}", kernel.intensity()),
                     microseconds(predicted_seconds(kernel, limits)),
                     format_percent(attainable_efficiency(kernel, limits), 1),
                     part.measured.empty() ? "" : microseconds(part.measured[i]));
}

void print_line(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  fmt::print("{}\n", line);
}

bool same_costs(const SequencePart& a, const SequencePart& b) {
  const auto same = [](const KernelCost& x, const KernelCost& y) {
    return x.macs == y.macs && x.bytes == y.bytes;
  };
  return a.text == b.text && a.route == b.route &&
         std::equal(a.kernels.begin(), a.kernels.end(), b.kernels.begin(), b.kernels.end(), same);
}

// How many parts from `first` on are equal in both sequences. What was measured is never equal.
std::size_t equal_parts(const Waterline& w, std::size_t first) {
  std::size_t end = first + 1;
  const auto equals_first = [&](const KernelSequence& s) {
    return s.parts[first].measured.empty() && same_costs(s.parts[first], s.parts[end]);
  };
  while (end < w.fused.parts.size() && equals_first(w.layer_wise) && equals_first(w.fused)) ++end;
  return end - first;
}

void print_parts(const Waterline& w) {
  const std::string columns = fmt::format(kCell, "kernel", "MACs", "bytes", "FLOP/B", "us", "e",
                                          w.layer_wise.measured > 0 ? "measured" : "");
  fmt::print("{:<{}} | fused\n", "layer-wise", columns.size());
  print_line(columns + " | " + columns);
  for (std::size_t i = 0; i < w.fused.parts.size();) {
    const SequencePart &layers = w.layer_wise.parts[i], &fused = w.fused.parts[i];
    const std::size_t times = equal_parts(w, i);
    const std::string others =
        times > 1 ? fmt::format(" to {}, {} times", w.fused.parts[i + times - 1].path, times) : "";
    fmt::print("\n{}{}: {}\n", layers.path, others, layers.text);
    for (std::size_t k = 0; k < std::max(layers.kernels.size(), fused.kernels.size()); ++k) {
      print_line(cell(layers, k, w.device.limits) + " | " + cell(fused, k, w.device.limits));
    }
    i += times;
  }
}

void print_total(const Waterline& w, const KernelSequence& sequence) {
  const SequenceTotal total = total_of(sequence, w.device.limits);
  fmt::print("{:<11} {}MACs, {}B, {:.1f} FLOP/B; predicted {:.3f} ms, {} images/s, attainable e {}\n",
             sequence.name, format_quantity(total.macs), format_quantity(total.bytes), total.intensity(),
             1e3 * total.seconds, format_count(std::llround(w.batch / total.seconds)),
             format_percent(total.attainable(), 1));
  if (sequence.measured == 0) return;
  fmt::print("{:<11} measured ({}) {:.3f} ms, {} images/s, achieved e {}\n", "", sequence.measured_by,
             1e3 * sequence.measured, format_count(std::llround(w.batch / sequence.measured)),
             format_percent(total.achieved(sequence.measured), 1));
}

void print_not_fused(const KernelSequence& fused) {
  std::map<std::string, std::vector<std::string>> paths_of;  // by reason
  for (const SequencePart& part : fused.parts) {
    if (!part.why_not_fused.empty()) paths_of[part.why_not_fused].push_back(part.path);
  }
  for (const auto& [why, paths] : paths_of) {
    const std::string more = paths.size() > 1 ? concat(" to ", paths.back()) : "";
    fmt::print("not fused: {} of the blocks, {}{}: {}\n", paths.size(), paths.front(), more, why);
  }
}

ordered_json kernel_as_json(const SequencePart& part, std::size_t i, const DeviceLimits& limits) {
  const KernelCost& kernel = part.kernels[i];
  ordered_json out = {{"name", kernel.name},
                      {"macs", kernel.macs},
                      {"bytes", kernel.bytes},
                      {"flops_per_byte", kernel.intensity()},
                      {"predicted_seconds", predicted_seconds(kernel, limits)},
                      {"bound_by", is_bound_by_memory(kernel, limits) ? "memory" : "arithmetic"},
                      {"attainable_efficiency", attainable_efficiency(kernel, limits)}};
  if (!part.measured.empty()) out["measured_seconds"] = part.measured[i];
  return out;
}

ordered_json sequence_as_json(const KernelSequence& sequence, const DeviceLimits& limits) {
  const SequenceTotal total = total_of(sequence, limits);
  ordered_json out = {{"macs", total.macs},
                      {"bytes", total.bytes},
                      {"flops_per_byte", total.intensity()},
                      {"predicted_seconds", total.seconds},
                      {"attainable_efficiency", total.attainable()}};
  if (sequence.measured > 0) {
    out["measured_by"] = sequence.measured_by;
    out["measured_seconds"] = sequence.measured;
    out["achieved_efficiency"] = total.achieved(sequence.measured);
  }
  for (const SequencePart& part : sequence.parts) {
    ordered_json entry = {{"path", part.path}, {"what", part.text}};
    if (!part.route.empty()) entry["route"] = part.route;
    if (!part.why_not_fused.empty()) entry["why_not_fused"] = part.why_not_fused;
    for (std::size_t i = 0; i < part.kernels.size(); ++i) {
      entry["kernels"].push_back(kernel_as_json(part, i, limits));
    }
    out["parts"].push_back(std::move(entry));
  }
  return out;
}

}  // namespace

void print_text(const Waterline& w) {
  fmt::print("{} {}, batch {}, {}x{} pixels, {}\n", w.model, w.training ? "training step" : "inference",
             w.batch, w.size, w.size, name_of(w.device.route.type));
  fmt::print("{}; waterline at {:.1f} FLOP/B: a kernel below it waits for memory\n\n", w.device.text(),
             w.device.ridge());
  print_parts(w);
  fmt::print("\n");
  print_total(w, w.layer_wise);
  print_total(w, w.fused);
  print_not_fused(w.fused);
}

void print_json(const Waterline& w) {
  const ordered_json out = {{"analyze", "waterline"},
                            {"model", w.model},
                            {"training", w.training},
                            {"batch", w.batch},
                            {"size", w.size},
                            {"precision", name_of(w.device.route.type)},
                            {"device", w.device.name},
                            {"limits", w.device.source},
                            {"flops_per_second", w.device.limits.flops_per_second},
                            {"bytes_per_second", w.device.limits.bytes_per_second},
                            {"ridge_flops_per_byte", w.device.ridge()},
                            {"layer_wise", sequence_as_json(w.layer_wise, w.device.limits)},
                            {"fused", sequence_as_json(w.fused, w.device.limits)}};
  fmt::print("{}\n", out.dump(2));
}

}  // namespace cf::apps
