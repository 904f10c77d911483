#include "layers/route.h"

#include "framework/ops/inference.h"

namespace cf::layers {

namespace {

Route layers_because(std::string why) {
  return {.kind = Route::Kind::Layers, .why_not_fused = std::move(why)};
}

Route choose_convfirst_on_gpu(const BlockShape& block, const RouteDevice& device) {
  auto route =
      kernels::convfirst_route({block.n, block.h, block.w, block.channels, block.hidden}, device.limits);
  switch (route.kind) {
    case kernels::ConvFirstRoute::Kind::Hopper:
      return {.kind = Route::Kind::FusedHopper, .convfirst = std::move(route)};
    case kernels::ConvFirstRoute::Kind::Portable:
      return {.kind = Route::Kind::FusedPortable, .convfirst = std::move(route)};
    case kernels::ConvFirstRoute::Kind::None:
      break;
  }
  return layers_because(std::move(route.why_none));
}

Route choose_mbconv_on_gpu(const BlockShape& block, const RouteDevice& device, bool require_fused) {
  const bool has_wgmma = device.limits.wgmma && (block.activation == kernels::Activation::Relu ||
                                                 block.activation == kernels::Activation::Silu);
  const auto tiling = has_wgmma ? kernels::mbconv_hopper_tiling(block.n, block.h, block.w, block.channels,
                                                                device.limits.shared_memory)
                                : kernels::MBConvHopperTiling{};
  const bool is_hopper = tiling.shared_bytes > 0;
  if (!is_hopper && !require_fused) {
    return layers_because("its layers are faster than the fused kernel without wgmma");
  }
  return {.kind = is_hopper ? Route::Kind::FusedHopper : Route::Kind::FusedPortable, .mbconv = tiling};
}

}  // namespace

std::string BlockShape::text() const { return concat(kind, " C=", channels, " E=", hidden, " ", h, "x", w); }

RouteDevice route_device(Executor& executor, DType type) {
  return {.place = executor.kind(), .type = type, .limits = inference::convfirst_limits(executor, type)};
}

std::string_view name_of(Route::Kind kind) {
  switch (kind) {
    case Route::Kind::FusedHopper:
      return "fused, Hopper";
    case Route::Kind::FusedPortable:
      return "fused, portable";
    case Route::Kind::FusedCpu:
      return "fused, CPU";
    case Route::Kind::Layers:
      return "layers";
  }
  return "?";
}

Route choose(const BlockShape& block, const RouteDevice& device, bool require_fused) {
  const bool on_gpu = device.place == PlaceKind::Cuda;
  if (!device.fuses) return layers_because("layer by layer, as asked for");
  if (!require_fused && device.faster_by_layers.contains(block.text())) {
    return layers_because("its layers were measured to be faster here");
  }
  if (on_gpu && device.type == DType::Float32) {
    return layers_because("the GPU's fused kernels compute in float16 and bfloat16, not in float32");
  }
  if (block.kind == "mbconv") {
    return on_gpu ? choose_mbconv_on_gpu(block, device, require_fused) : Route{.kind = Route::Kind::FusedCpu};
  }
  if (block.activation != kernels::Activation::Relu) {
    return layers_because(
        concat("the fused ConvFirst kernels have relu only, the activation is ", name_of(block.activation)));
  }
  return on_gpu ? choose_convfirst_on_gpu(block, device) : Route{.kind = Route::Kind::FusedCpu};
}

}  // namespace cf::layers
