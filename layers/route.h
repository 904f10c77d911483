// Which implementation a block gets in inference: decided here alone, from the block and from what the place
// that computes can do.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "framework/runtime/executor.h"
#include "kernels/activation/activation.h"
#include "kernels/convfirst_forward/convfirst_route.h"
#include "kernels/mbconv_forward/hopper_tiling.h"

namespace cf::layers {

// A block in a batch of images.
struct BlockShape {
  std::string_view kind;  // "convfirst" or "mbconv"
  std::int64_t n, h, w, channels, hidden;
  kernels::Activation activation = kernels::Activation::Relu;

  // "convfirst C=64 E=384 56x56"
  std::string text() const;
};

// What computes: a place, the type of activations, and on a GPU its limits.
struct RouteDevice {
  PlaceKind place = PlaceKind::Cpu;
  DType type = DType::Float32;
  kernels::ConvFirstLimits limits = {};  // place Cuda
  bool fuses = true;                     // false: every block layer by layer, to hold fused ones against
  // Blocks, as their text(), that were measured to be faster layer by layer than fused.
  std::set<std::string> faster_by_layers = {};
};

// Where the executor computes, in `type`.
RouteDevice route_device(Executor& executor, DType type);

struct Route {
  enum class Kind {
    FusedHopper,    // one kernel for the block, by wgmma and the copy engine
    FusedPortable,  // one kernel for the block, by what compute capability 8.0 has
    FusedCpu,       // tile by tile in cache
    Layers,         // a kernel for each layer, norms and activations folded into them
  };

  Kind kind = Kind::Layers;
  std::string why_not_fused = {};           // of Layers
  kernels::ConvFirstRoute convfirst = {};   // of FusedHopper and FusedPortable
  kernels::MBConvHopperTiling mbconv = {};  // of FusedHopper

  bool is_fused() const { return kind != Kind::Layers; }
};

std::string_view name_of(Route::Kind kind);

// The fastest implementation, as far as measured; with `require_fused` a fused one if there is any.
Route choose(const BlockShape& block, const RouteDevice& device, bool require_fused = false);

}  // namespace cf::layers
