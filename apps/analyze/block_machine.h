// A block as a tensor machine (arXiv 2404.03617): its operations in order, and for each the tensors that it
// reads and writes with the memory they are in.
//
// A tensor counts once for each operation that reads or writes it, at the size that it has; the halo of a
// convolution's tiles is not counted. Layer-wise, every tensor is in the device's memory. Fused, only the
// input, the weights and the output are: weights are read from there once and from the chip once for each
// tile of pixels, what lies between two operations is in registers, or on the chip where other threads need
// it (the neighbours that MBConv's convolution asks for; u, which waits for its gate).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/dtype.h"

namespace cf::apps {

enum class MachineMemory { Device, Chip, Registers };  // DRAM; shared memory and caches; registers
inline constexpr int kMachineMemories = 3;
const char* name_of(MachineMemory memory);

struct MachineOperand {
  std::string name;  // "x", "W1"
  MachineMemory memory;
  bool written;  // else read
  double bytes;
};

struct MachineOperation {
  std::string name;  // "expand"
  std::string kind;  // "matrix multiply, relu"
  double macs = 0;
  std::vector<MachineOperand> operands = {};

  double bytes(MachineMemory memory) const;
};

struct BlockMachine {
  std::string name;  // "layer-wise", "fused"
  std::vector<MachineOperation> operations = {};

  double macs() const;
  double bytes(MachineMemory memory) const;
};

// A batch through a block with norms folded into the weights.
struct MachineShape {
  std::int64_t n, h, w, channels, hidden;
  std::int64_t squeezed = 0;  // of MBConv; 0: ConvFirst
  DType type = DType::Float16;
  std::int64_t tile_pixels = 0;  // of the fused route; 0: not known, weights count once

  std::int64_t pixels() const { return n * h * w; }
};

BlockMachine layer_wise_machine(const MachineShape& shape);
BlockMachine fused_machine(const MachineShape& shape);

// One column for each operation with its tensors, one row for each memory; machines below one another.
std::string machines_svg(const std::string& title, const std::vector<BlockMachine>& machines);

}  // namespace cf::apps
