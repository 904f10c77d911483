// `analyze block`: a block as a tensor machine, layer-wise and fused.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/analyze/analysis_device.h"
#include "apps/analyze/analyze_commands.h"
#include "apps/analyze/block_machine.h"
#include "apps/analyze/kernel_sequence.h"
#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/plot/output_file.h"
#include "kernels/mbconv_forward/hopper_tiling.h"

namespace cf::apps {

namespace {

struct BlockOptions {
  std::string kind, channels, svg;
  int expansion = 0, size = 56, batch = 128;
  bool json = false;
  AnalysisDeviceOptions device;
};

struct BlockAnalysis {
  layers::BlockShape block;
  layers::Route route;
  MachineShape shape;
  AnalysisDevice device;
  std::vector<BlockMachine> machines;  // layer-wise, fused
};

int channels_of(const std::string& text) {
  int channels = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), channels);
  CF_CHECK_AS(ErrorKind::Usage,
              error == std::errc{} && end == text.data() + text.size() && channels > 0 && channels <= 65536 &&
                  channels % 8 == 0,
              "CHANNELS is '", text, "', must be a multiple of 8 from 8 to 65536");
  return channels;
}

void check(const BlockOptions& options) {
  CF_CHECK_AS(ErrorKind::Usage, options.kind == "convfirst" || options.kind == "mbconv", "KIND is '",
              options.kind, "', must be convfirst or mbconv");
  const auto in_range = [](const char* name, int value, int least, int most) {
    CF_CHECK_AS(ErrorKind::Usage, value >= least && value <= most, name, " is ", value, ", must be from ",
                least, " to ", most);
  };
  in_range("--expansion", options.expansion, 0, 64);
  in_range("--size", options.size, 1, 4096);
  in_range("--batch", options.batch, 1, 65536);
}

// Pixels for which a weight is read once, where the route says so.
std::int64_t tile_pixels(const layers::Route& route, const layers::BlockShape& block,
                         const layers::RouteDevice& device) {
  if (route.convfirst.kind != kernels::ConvFirstRoute::Kind::None) return route.convfirst.tile_pixels;
  if (block.kind != "mbconv" || route.kind != layers::Route::Kind::FusedHopper) return 0;
  return kernels::mbconv_hopper_tiling(block.n, block.h, block.w, block.channels, device.limits.shared_memory)
             .images *
         block.h * block.w;
}

BlockAnalysis analyze(const BlockOptions& options, AnalysisDevice device) {
  const bool mbconv = options.kind == "mbconv";
  const std::int64_t channels = channels_of(options.channels);
  const std::int64_t expansion = options.expansion > 0 ? options.expansion : mbconv ? 4 : 6;
  const layers::BlockShape block{.kind = mbconv ? "mbconv" : "convfirst",
                                 .n = options.batch,
                                 .h = options.size,
                                 .w = options.size,
                                 .channels = channels,
                                 .hidden = channels * expansion};
  layers::Route route = choose(block, device.route, true);
  const MachineShape shape{.n = block.n,
                           .h = block.h,
                           .w = block.w,
                           .channels = channels,
                           .hidden = block.hidden,
                           .squeezed = mbconv ? channels / 4 : 0,
                           .type = device.route.type,
                           .tile_pixels = tile_pixels(route, block, device.route)};
  return {
      block, std::move(route), shape, std::move(device), {layer_wise_machine(shape), fused_machine(shape)}};
}

// A layer-wise machine is a kernel for each operation, a fused one a single kernel.
std::vector<layers::KernelCost> kernels_of(const BlockMachine& machine) {
  if (machine.name == "fused") return {{"block", machine.macs(), machine.bytes(MachineMemory::Device)}};
  std::vector<layers::KernelCost> kernels;
  for (const MachineOperation& operation : machine.operations) {
    kernels.push_back({operation.name, operation.macs, operation.bytes(MachineMemory::Device)});
  }
  return kernels;
}

std::string heading(const BlockAnalysis& a) {
  return fmt::format("{}, batch {}, {}", a.block.text(), a.block.n, name_of(a.shape.type));
}

const char* short_name(MachineMemory memory) {
  return memory == MachineMemory::Chip ? "chip" : name_of(memory);
}

// "u registers, W1 chip -> h registers"
std::string operands_text(const MachineOperation& operation) {
  std::string reads, writes;
  for (const MachineOperand& operand : operation.operands) {
    std::string& text = operand.written ? writes : reads;
    text += concat(text.empty() ? "" : ", ", operand.name, " ", short_name(operand.memory));
  }
  return reads + " -> " + writes;
}

void print_machine(const BlockAnalysis& a, const BlockMachine& machine) {
  constexpr const char* kRow = "  {:<10} {:<30} {:>8} {:>9} {:>18} {:>10}  {}\n";
  const auto bytes = [](const auto& of, MachineMemory memory) {
    const double value = of.bytes(memory);
    return value > 0 ? format_quantity(value) + "B" : std::string("-");
  };
  const auto row = [&](const auto& of, const std::string& name, const std::string& kind, double macs,
                       const std::string& operands) {
    fmt::print(kRow, name, kind, macs > 0 ? format_quantity(macs) : "-", bytes(of, MachineMemory::Device),
               bytes(of, MachineMemory::Chip), bytes(of, MachineMemory::Registers), operands);
  };
  fmt::print("\n{}\n", machine.name);
  fmt::print(kRow, "operation", "kind", "MACs", name_of(MachineMemory::Device), name_of(MachineMemory::Chip),
             name_of(MachineMemory::Registers), "tensors");
  for (const MachineOperation& operation : machine.operations) {
    row(operation, operation.name, operation.kind, operation.macs, operands_text(operation));
  }
  row(machine, "total", "", machine.macs(), "(chip: shared memory, L2)");
  const auto kernels = kernels_of(machine);
  const SequenceTotal total = total_of(kernels, a.device.limits);
  fmt::print("  {:.1f} FLOP/B of DRAM, {} kernel{}: {:.2f} us at least, attainable e {}\n", total.intensity(),
             kernels.size(), kernels.size() == 1 ? "" : "s", 1e6 * total.seconds,
             format_percent(total.attainable(), 1));
}

void print_text(const BlockAnalysis& a) {
  fmt::print("{}\n{}; ridge at {:.1f} FLOP/B\n", heading(a), a.device.text(), a.device.ridge());
  if (a.route.is_fused()) {
    fmt::print("fused here: {}", name_of(a.route.kind));
    if (a.shape.tile_pixels > 0) fmt::print(", tiles of {} pixels", a.shape.tile_pixels);
    fmt::print("\n");
  } else {
    fmt::print("not fused here: {}\n", a.route.why_not_fused);
  }
  for (const BlockMachine& machine : a.machines) print_machine(a, machine);
}

nlohmann::ordered_json machine_as_json(const BlockAnalysis& a, const BlockMachine& machine) {
  const SequenceTotal total = total_of(kernels_of(machine), a.device.limits);
  nlohmann::ordered_json out = {{"macs", machine.macs()},
                                {"dram_bytes", machine.bytes(MachineMemory::Device)},
                                {"chip_bytes", machine.bytes(MachineMemory::Chip)},
                                {"register_bytes", machine.bytes(MachineMemory::Registers)},
                                {"flops_per_byte", total.intensity()},
                                {"predicted_seconds", total.seconds},
                                {"attainable_efficiency", total.attainable()}};
  for (const MachineOperation& operation : machine.operations) {
    nlohmann::ordered_json entry = {
        {"name", operation.name}, {"kind", operation.kind}, {"macs", operation.macs}};
    for (const MachineOperand& operand : operation.operands) {
      entry["tensors"].push_back({{"name", operand.name},
                                  {"memory", name_of(operand.memory)},
                                  {"access", operand.written ? "write" : "read"},
                                  {"bytes", operand.bytes}});
    }
    out["operations"].push_back(std::move(entry));
  }
  return out;
}

void print_json(const BlockAnalysis& a) {
  nlohmann::ordered_json out = {{"analyze", "block"},
                                {"kind", a.block.kind},
                                {"channels", a.block.channels},
                                {"hidden", a.block.hidden},
                                {"batch", a.block.n},
                                {"height", a.block.h},
                                {"width", a.block.w},
                                {"precision", name_of(a.shape.type)},
                                {"device", a.device.name},
                                {"limits", a.device.source},
                                {"flops_per_second", a.device.limits.flops_per_second},
                                {"bytes_per_second", a.device.limits.bytes_per_second},
                                {"route", name_of(a.route.kind)},
                                {"tile_pixels", a.shape.tile_pixels}};
  if (!a.route.is_fused()) out["why_not_fused"] = a.route.why_not_fused;
  out["layer_wise"] = machine_as_json(a, a.machines[0]);
  out["fused"] = machine_as_json(a, a.machines[1]);
  fmt::print("{}\n", out.dump(2));
}

}  // namespace

int run_analyze_block(const Command& command, const Arguments& arguments) {
  BlockOptions options;
  CommandLine line(command);
  line.positional("KIND", &options.kind, "convfirst or mbconv");
  line.positional("CHANNELS", &options.channels, "in and out, a multiple of 8");
  line.option("expansion", &options.expansion, "N",
              "hidden channels over channels; 0: 6 for convfirst, 4 for mbconv");
  line.option("size", &options.size, "N", "rows and columns of the images");
  line.option("batch", &options.batch, "N", "images of a batch");
  line.option("out,o", &options.svg, "FILE.svg", "draw it too");
  line.flag("json", &options.json, "print JSON");
  add_analysis_device_options(line, options.device);
  if (!line.parse(arguments)) return 0;
  check(options);
  channels_of(options.channels);  // before a device is measured
  const BlockAnalysis analysis = analyze(options, find_device(options.device, {}));
  if (options.json) {
    print_json(analysis);
  } else {
    print_text(analysis);
  }
  if (!options.svg.empty()) {
    write_output_file(options.svg, machines_svg(heading(analysis), analysis.machines));
    std::fputs((options.svg + " written\n").c_str(), stderr);
  }
  return 0;
}

}  // namespace cf::apps
