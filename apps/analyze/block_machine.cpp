#include "apps/analyze/block_machine.h"

#include "kernels/grouped_conv/grouped_conv.h"

namespace cf::apps {

namespace {

constexpr auto kDevice = MachineMemory::Device;
constexpr auto kChip = MachineMemory::Chip;
constexpr auto kRegisters = MachineMemory::Registers;
constexpr std::int64_t kFilter = 9 * kernels::kGroupWidth;  // of an output channel

// Tensors and weights of a block, in bytes.
class Sizes {
 public:
  explicit Sizes(const MachineShape& shape) : shape_(shape) {}

  double image(std::int64_t channels) const { return narrow(shape_.pixels() * channels); }
  double x() const { return image(shape_.channels); }
  double hidden() const { return image(shape_.hidden); }
  // The convolution is C wide in ConvFirst, E wide in MBConv.
  double filter(std::int64_t channels) const { return narrow(kFilter * channels); }
  double product() const { return narrow(shape_.channels * shape_.hidden); }  // either 1x1 weight
  double gates() const { return narrow(2 * shape_.hidden * shape_.squeezed); }
  // Means, squeezed values and gates of all samples.
  double pooled() const { return wide(shape_.n * shape_.hidden); }
  double squeezed() const { return wide(shape_.n * shape_.squeezed); }

  double tiles() const {
    if (shape_.tile_pixels == 0) return 1;
    return static_cast<double>((shape_.pixels() + shape_.tile_pixels - 1) / shape_.tile_pixels);
  }
  double macs(std::int64_t of_pixel) const { return static_cast<double>(shape_.pixels() * of_pixel); }
  double gate_macs() const { return static_cast<double>(2 * shape_.n * shape_.hidden * shape_.squeezed); }

 private:
  double narrow(std::int64_t elements) const {
    return static_cast<double>(elements * static_cast<std::int64_t>(size_of(shape_.type)));
  }
  static double wide(std::int64_t elements) {
    return static_cast<double>(elements * static_cast<std::int64_t>(sizeof(float)));
  }

  const MachineShape& shape_;
};

MachineOperand read(std::string name, MachineMemory memory, double bytes) {
  return {std::move(name), memory, false, bytes};
}

MachineOperand write(std::string name, MachineMemory memory, double bytes) {
  return {std::move(name), memory, true, bytes};
}

BlockMachine layer_wise_convfirst(const MachineShape& s) {
  const Sizes b(s);
  return {
      "layer-wise",
      {{"conv",
        "grouped conv 3x3",
        b.macs(kFilter * s.channels),
        {read("x", kDevice, b.x()), read("w", kDevice, b.filter(s.channels)), write("u", kDevice, b.x())}},
       {"expand",
        "matrix multiply, activation",
        b.macs(s.channels * s.hidden),
        {read("u", kDevice, b.x()), read("W1", kDevice, b.product()), write("h", kDevice, b.hidden())}},
       {"project",
        "matrix multiply, sum",
        b.macs(s.channels * s.hidden),
        {read("h", kDevice, b.hidden()), read("W2", kDevice, b.product()), read("x", kDevice, b.x()),
         write("y", kDevice, b.x())}}}};
}

BlockMachine layer_wise_mbconv(const MachineShape& s) {
  const Sizes b(s);
  return {
      "layer-wise",
      {{"expand",
        "matrix multiply, activation",
        b.macs(s.channels * s.hidden),
        {read("x", kDevice, b.x()), read("W1", kDevice, b.product()), write("t", kDevice, b.hidden())}},
       {"conv",
        "grouped conv 3x3, activation",
        b.macs(kFilter * s.hidden),
        {read("t", kDevice, b.hidden()), read("w", kDevice, b.filter(s.hidden)),
         write("u", kDevice, b.hidden())}},
       {"mean", "reduction", 0, {read("u", kDevice, b.hidden()), write("mean", kDevice, b.pooled())}},
       {"gates",
        "matrix multiply, twice",
        b.gate_macs(),
        {read("mean", kDevice, b.pooled()), read("Ws", kDevice, b.gates()), write("s", kDevice, b.squeezed()),
         read("s", kDevice, b.squeezed()), write("gate", kDevice, b.pooled())}},
       {"scale",
        "element-wise",
        0,
        {read("u", kDevice, b.hidden()), read("gate", kDevice, b.pooled()), write("v", kDevice, b.hidden())}},
       {"project",
        "matrix multiply, sum",
        b.macs(s.channels * s.hidden),
        {read("v", kDevice, b.hidden()), read("W2", kDevice, b.product()), read("x", kDevice, b.x()),
         write("y", kDevice, b.x())}}}};
}

BlockMachine fused_convfirst(const MachineShape& s) {
  const Sizes b(s);
  const double weights = b.filter(s.channels) + 2 * b.product();
  return {"fused",
          {{"load",
            "copy",
            0,
            {read("x", kDevice, b.x()), write("x", kChip, b.x()), read("w, W1, W2", kDevice, weights),
             write("w, W1, W2", kChip, weights)}},
           {"conv",
            "grouped conv 3x3",
            b.macs(kFilter * s.channels),
            {read("x", kChip, b.x()), read("w", kChip, b.tiles() * b.filter(s.channels)),
             write("u", kRegisters, b.x())}},
           {"expand",
            "matrix multiply, activation",
            b.macs(s.channels * s.hidden),
            {read("u", kRegisters, b.x()), read("W1", kChip, b.tiles() * b.product()),
             write("h", kRegisters, b.hidden())}},
           {"project",
            "matrix multiply, sum",
            b.macs(s.channels * s.hidden),
            {read("h", kRegisters, b.hidden()), read("W2", kChip, b.tiles() * b.product()),
             read("x", kChip, b.x()), write("y", kRegisters, b.x())}},
           {"store", "copy", 0, {read("y", kRegisters, b.x()), write("y", kDevice, b.x())}}}};
}

BlockMachine fused_mbconv(const MachineShape& s) {
  const Sizes b(s);
  const double weights = b.filter(s.hidden) + 2 * b.product() + b.gates();
  return {
      "fused",
      {{"load",
        "copy",
        0,
        {read("x", kDevice, b.x()), write("x", kChip, b.x()), read("w, W1, W2, Ws", kDevice, weights),
         write("w, W1, W2, Ws", kChip, weights)}},
       {"expand",
        "matrix multiply, activation",
        b.macs(s.channels * s.hidden),
        {read("x", kChip, b.x()), read("W1", kChip, b.tiles() * b.product()), write("t", kChip, b.hidden())}},
       {"conv",
        "grouped conv 3x3, activation",
        b.macs(kFilter * s.hidden),
        {read("t", kChip, b.hidden()), read("w", kChip, b.tiles() * b.filter(s.hidden)),
         write("u", kChip, b.hidden()), write("mean", kChip, b.pooled())}},
       {"gates",
        "matrix multiply, twice",
        b.gate_macs(),
        {read("mean", kChip, b.pooled()), read("Ws", kChip, b.gates()), write("s", kChip, b.squeezed()),
         read("s", kChip, b.squeezed()), write("gate", kChip, b.pooled())}},
       {"scale",
        "element-wise",
        0,
        {read("u", kChip, b.hidden()), read("gate", kChip, b.pooled()), write("v", kRegisters, b.hidden())}},
       {"project",
        "matrix multiply, sum",
        b.macs(s.channels * s.hidden),
        {read("v", kRegisters, b.hidden()), read("W2", kChip, b.tiles() * b.product()),
         read("x", kChip, b.x()), write("y", kRegisters, b.x())}},
       {"store", "copy", 0, {read("y", kRegisters, b.x()), write("y", kDevice, b.x())}}}};
}

}  // namespace

const char* name_of(MachineMemory memory) {
  switch (memory) {
    case MachineMemory::Device:
      return "DRAM";
    case MachineMemory::Chip:
      return "shared memory, L2";
    case MachineMemory::Registers:
      return "registers";
  }
  return "?";
}

double MachineOperation::bytes(MachineMemory memory) const {
  double sum = 0;
  for (const MachineOperand& operand : operands) sum += operand.memory == memory ? operand.bytes : 0;
  return sum;
}

double BlockMachine::macs() const {
  double sum = 0;
  for (const MachineOperation& operation : operations) sum += operation.macs;
  return sum;
}

double BlockMachine::bytes(MachineMemory memory) const {
  double sum = 0;
  for (const MachineOperation& operation : operations) sum += operation.bytes(memory);
  return sum;
}

BlockMachine layer_wise_machine(const MachineShape& shape) {
  return shape.squeezed > 0 ? layer_wise_mbconv(shape) : layer_wise_convfirst(shape);
}

BlockMachine fused_machine(const MachineShape& shape) {
  return shape.squeezed > 0 ? fused_mbconv(shape) : fused_convfirst(shape);
}

}  // namespace cf::apps
