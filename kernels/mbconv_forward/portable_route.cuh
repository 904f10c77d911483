// Starts the portable route of mbconv for one element type.
#pragma once

#include "kernels/activation/dispatch_activation.h"
#include "kernels/mbconv_forward/gates.cuh"
#include "kernels/mbconv_forward/portable_project.cuh"

namespace cf::kernels::mbconv_portable {

template <class T>
void compute_hidden(Cuda place, const MBConvForward<T>& a, const MBConvTiling& tiling, const T* x,
                    std::int64_t images, const mbconv_detail::Scratch<T>& scratch) {
  const auto e = a.x.extents();
  const auto hidden = static_cast<int>(a.expand.template extent<E>().value);
  const HiddenArguments<T> arguments{.x = x,
                                     .expand = a.expand.data(),
                                     .conv = a.conv.data(),
                                     .expand_bias = a.expand_bias.data(),
                                     .conv_bias = a.conv_bias.data(),
                                     .u = scratch.u,
                                     .sums = scratch.sums,
                                     .images = static_cast<int>(images),
                                     .height = static_cast<int>(e[1]),
                                     .width = static_cast<int>(e[2]),
                                     .channels = static_cast<int>(e[3]),
                                     .hidden = hidden,
                                     .tiling = tiling};
  const std::int64_t tiles = (images + tiling.images - 1) / tiling.images * tiling.tiles_of_image();
  const LaunchShape shape{
      .grid = {static_cast<unsigned>(tiles), static_cast<unsigned>((hidden + kSlice - 1) / kSlice)},
      .block = kThreads,
      .shared_bytes = HiddenLayout::kBytes};
  dispatch_activation(a.activation, [&]<Activation kActivation>() {
    launch("mbconv forward, hidden", mbconv_hidden_kernel<T, kActivation>, shape, place, arguments);
  });
}

template <class T>
void project(Cuda place, const MBConvForward<T>& a, const T* x, std::int64_t images,
             const mbconv_detail::Scratch<T>& scratch, T* y) {
  const auto e = a.x.extents();
  const std::int64_t pixels = images * e[1] * e[2];
  const ProjectArguments<T> arguments{.x = x,
                                      .u = scratch.u,
                                      .gate = scratch.gate,
                                      .project = a.project.data(),
                                      .bias = a.project_bias.data(),
                                      .y = y,
                                      .pixels = static_cast<std::uint32_t>(pixels),
                                      .image_pixels = static_cast<std::uint32_t>(e[1] * e[2]),
                                      .channels = static_cast<int>(e[3]),
                                      .hidden = static_cast<int>(a.expand.template extent<E>().value)};
  launch("mbconv forward, project", mbconv_project_kernel<T>,
         {.grid = {static_cast<unsigned>((pixels + kTile - 1) / kTile),
                   static_cast<unsigned>((e[3] + kTile - 1) / kTile)},
          .block = kThreads,
          .shared_bytes = kProjectBytes},
         place, arguments);
}

}  // namespace cf::kernels::mbconv_portable
