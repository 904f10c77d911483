// A tensor machine as SVG.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "apps/analyze/block_machine.h"
#include "apps/console/format.h"
#include "apps/plot/chart.h"
#include "apps/plot/xml.h"

namespace cf::apps {

namespace {

// In SVG units: a column for each operation, in it a lane for each memory, and the operation below.
constexpr int kMargin = 16, kLeft = 130, kColumn = 176, kTitle = 48, kLine = 18, kLane = 5 * kLine + 8,
              kOperation = 52, kGap = 28;
constexpr int kMachineHeight = 24 + kMachineMemories * kLane + kOperation;
constexpr std::array<const char*, kMachineMemories> kStyles = {"ema", "second", "train"};

std::string text_at(double x, double y, std::string_view style, const std::string& text) {
  return fmt::format("<text class=\"{}\" x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n", style, x, y,
                     xml_escaped(text));
}

std::string operands_drawn(const MachineOperation& operation, MachineMemory memory, double x, double y) {
  std::string out;
  int line = 0;
  for (const MachineOperand& operand : operation.operands) {
    if (operand.memory != memory) continue;
    out += text_at(x + 8, y + kLine * ++line, "start",
                   fmt::format("{} {} {}B", operand.written ? "writes" : "reads", operand.name,
                               format_quantity(operand.bytes)));
  }
  if (line == 0) return out;
  return fmt::format(
             "<rect class=\"bar {}\" opacity=\"0.25\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{}\" "
             "height=\"{}\" rx=\"4\"/>\n",
             kStyles[static_cast<std::size_t>(memory)], x, y + 2, kColumn - 8, kLine * line + 6) +
         out;
}

std::string machine_drawn(const BlockMachine& machine, double top) {
  const double lanes = top + 24;
  std::string out = text_at(
      kMargin, top + 14, "title",
      fmt::format("{}: {}MACs, {}B of DRAM, {:.1f} FLOP/B", machine.name, format_quantity(machine.macs()),
                  format_quantity(machine.bytes(MachineMemory::Device)),
                  2 * machine.macs() / machine.bytes(MachineMemory::Device)));
  for (int i = 0; i < kMachineMemories; ++i) {
    const auto memory = static_cast<MachineMemory>(i);
    const double y = lanes + i * kLane;
    out += fmt::format("<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.0f}\" y2=\"{2:.0f}\"/>\n",
                       kMargin, kLeft + kColumn * machine.operations.size(), y);
    out += text_at(kMargin, y + kLine, "start", name_of(memory));
    const double bytes = machine.bytes(memory);
    if (bytes > 0) out += text_at(kMargin, y + 2 * kLine, "start", format_quantity(bytes) + "B");
    for (std::size_t k = 0; k < machine.operations.size(); ++k) {
      out += operands_drawn(machine.operations[k], memory, kLeft + kColumn * static_cast<double>(k), y);
    }
  }
  const double below = lanes + kMachineMemories * kLane;
  for (std::size_t k = 0; k < machine.operations.size(); ++k) {
    const MachineOperation& operation = machine.operations[k];
    const double x = kLeft + kColumn * static_cast<double>(k);
    out += fmt::format(
        "<rect class=\"card curve eval\" x=\"{:.0f}\" y=\"{:.0f}\" width=\"{}\" height=\"{}\" "
        "rx=\"4\"/>\n",
        x, below, kColumn - 8, kOperation - 4);
    out += text_at(x + 8, below + 15, "title", operation.name);
    out += text_at(x + 8, below + 29, "start", operation.kind);
    if (operation.macs > 0)
      out += text_at(x + 8, below + 43, "start", format_quantity(operation.macs) + "MACs");
  }
  return out;
}

}  // namespace

std::string machines_svg(const std::string& title, const std::vector<BlockMachine>& machines) {
  std::size_t columns = 0;
  for (const BlockMachine& machine : machines) columns = std::max(columns, machine.operations.size());
  const auto width = kLeft + kColumn * static_cast<int>(columns) + kMargin;
  const auto height = kTitle + static_cast<int>(machines.size()) * (kMachineHeight + kGap);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n"
      "<style>{2}</style>\n<rect class=\"card\" width=\"{0}\" height=\"{1}\" rx=\"10\"/>\n",
      width, height, kChartStyle);
  out += text_at(kMargin, 26, "title", title);
  double top = kTitle;
  for (const BlockMachine& machine : machines) {
    out += machine_drawn(machine, top);
    top += kMachineHeight + kGap;
  }
  return out + "</svg>\n";
}

}  // namespace cf::apps
