#include "layers/route.h"

#include "framework/ops/inference.h"

namespace cf::layers {

namespace {

Route layers_because(std::string why) {
  return {.kind = Route::Kind::Layers, .why_not_fused = std::move(why)};
}

Route choose_on_gpu(const BlockShape& block, const RouteDevice& device) {
  if (device.type == DType::Float32) {
    return layers_because("the GPU's fused kernels compute in float16 and bfloat16, not in float32");
  }
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

Route choose(const BlockShape& block, const RouteDevice& device) {
  if (block.kind == "mbconv") {
    return device.place == PlaceKind::Cuda ? layers_because("the GPU has no fused kernel for MBConv blocks")
                                           : Route{.kind = Route::Kind::FusedCpu};
  }
  if (block.activation != kernels::Activation::Relu) {
    return layers_because(
        concat("the fused kernels have relu only, the activation is ", name_of(block.activation)));
  }
  return device.place == PlaceKind::Cuda ? choose_on_gpu(block, device)
                                         : Route{.kind = Route::Kind::FusedCpu};
}

}  // namespace cf::layers
