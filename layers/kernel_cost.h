// What a kernel costs on paper.
#pragma once

#include <string>

namespace cf::layers {

struct KernelCost {
  std::string name;  // "stages.0.blocks.1.expand"
  double macs;       // multiply-accumulates of products and convolutions
  double bytes;      // of memory that it cannot do without: tensors read and written, weights

  // Operational intensity: operations for each byte, two for each multiply-accumulate.
  double intensity() const { return 2 * macs / bytes; }
};

}  // namespace cf::layers
