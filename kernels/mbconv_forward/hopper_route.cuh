// Starts the Hopper route of mbconv for one element type, each half where it applies.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/base/launch_clusters.cuh"
#include "kernels/mbconv_forward/gates.cuh"
#include "kernels/mbconv_forward/hopper_few_images.cuh"
#include "kernels/mbconv_forward/hopper_gates.cuh"
#include "kernels/mbconv_forward/hopper_project.cuh"

namespace cf::kernels::mbconv_hopper {

template <class T>
HiddenArguments<T> hidden_arguments(const MBConvForward<T>& a, const MBConvHopperTiling& tiling, const T* x,
                                    std::int64_t images, const mbconv_detail::Scratch<T>& scratch) {
  using Tiling = MBConvHopperTiling;
  const auto e = a.x.extents();
  const std::int64_t hidden = a.expand.template extent<E>().value, bytes = 2 * hidden;
  return {.x = tensor_map<2>(x, {{e[3], Tiling::kDepth}, {images * e[1] * e[2], tiling.columns, 2 * e[3]}}),
          .expand = tensor_map<2>(a.expand.data(),
                                  {{e[3], Tiling::kDepth}, {hidden, Tiling::kSlice / 2, 2 * e[3]}}),
          .u = tensor_map<4>(scratch.u, {{hidden, Tiling::kSlice},
                                         {e[2], tiling.pitch, bytes},
                                         {e[1], static_cast<int>(e[1]), e[2] * bytes},
                                         {images, 1, e[1] * e[2] * bytes}}),
          .conv = a.conv.data(),
          .expand_bias = a.expand_bias.data(),
          .conv_bias = a.conv_bias.data(),
          .sums = scratch.sums,
          .images = static_cast<int>(images),
          .height = static_cast<int>(e[1]),
          .width = static_cast<int>(e[2]),
          .hidden = static_cast<int>(hidden),
          .slices = 0,
          .tiling = tiling};
}

template <class T, int kColumns>
void launch_hidden(Cuda place, Activation activation, const HiddenArguments<T>& arguments,
                   const LaunchShape& shape, unsigned cluster) {
  constexpr std::string_view kName = "mbconv forward, hidden";
  if (activation == Activation::Relu) {
    launch_clusters(kName, mbconv_hopper_hidden_kernel<T, kColumns, Activation::Relu>, shape, cluster, place,
                    arguments);
  } else {
    launch_clusters(kName, mbconv_hopper_hidden_kernel<T, kColumns, Activation::Silu>, shape, cluster, place,
                    arguments);
  }
}

// False, and nothing started, where this GPU, these extents or the activation are not the route's.
template <class T>
bool compute_hidden(Cuda place, const MBConvForward<T>& a, const T* x, std::int64_t images,
                    const mbconv_detail::Scratch<T>& scratch) {
  using Tiling = MBConvHopperTiling;
  if (!has_hopper_code<mbconv_hopper_project_kernel<T>>()) return false;
  if (a.activation != Activation::Relu && a.activation != Activation::Silu) return false;
  const auto e = a.x.extents();
  const Tiling tiling = mbconv_hopper_tiling(images, e[1], e[2], e[3], shared_memory_of_block(0));
  if (tiling.shared_bytes == 0) return false;
  auto arguments = hidden_arguments(a, tiling, x, images, scratch);
  const std::int64_t slices = (arguments.hidden + Tiling::kSlice - 1) / Tiling::kSlice;
  const std::int64_t units = (images + tiling.images - 1) / tiling.images;
  const std::int64_t cluster = units > 1 ? 2 : 1, columns = (units + cluster - 1) / cluster * cluster;
  // As many parts of the hidden channels as keep all multiprocessors busy.
  const std::int64_t wanted = std::max<std::int64_t>(1, multiprocessors_of(place) / columns);
  arguments.slices = static_cast<int>((slices + wanted - 1) / wanted);
  const std::int64_t parts = (slices + arguments.slices - 1) / arguments.slices;
  const LaunchShape shape{.grid = {static_cast<unsigned>(columns), static_cast<unsigned>(parts)},
                          .block = kHiddenThreads,
                          .shared_bytes = static_cast<std::size_t>(tiling.shared_bytes)};
  dispatch<104, 200, 256>("pixels", tiling.columns, [&]<int kColumns>() {
    launch_hidden<T, kColumns>(place, a.activation, arguments, shape, static_cast<unsigned>(cluster));
  });
  return true;
}

// The same for the gates.
template <class T>
bool compute_gates(Cuda place, const MBConvForward<T>& a, std::int64_t images,
                   const mbconv_detail::Scratch<T>& scratch) {
  const auto e = a.x.extents();
  const std::int64_t hidden = a.expand.template extent<E>().value,
                     squeezed = a.squeeze.template extent<D>().value;
  if (!has_hopper_code<mbconv_hopper_project_kernel<T>>() || squeezed % 8 != 0) return false;
  if (!aligned_to(16, a.squeeze.data(), a.excite.data())) return false;
  const GateArguments<T> arguments{.sums = scratch.sums,
                                   .squeeze = a.squeeze.data(),
                                   .excite = a.excite.data(),
                                   .squeeze_bias = a.squeeze_bias.data(),
                                   .excite_bias = a.excite_bias.data(),
                                   .gate = scratch.gate,
                                   .images = static_cast<int>(images),
                                   .hidden = static_cast<int>(hidden),
                                   .squeezed = static_cast<int>(squeezed),
                                   .share = 1 / static_cast<float>(e[1] * e[2])};
  const std::int64_t clusters = (images + kGateImages - 1) / kGateImages;
  launch_clusters("mbconv forward, gates", mbconv_hopper_gates_kernel<T>,
                  {.grid = static_cast<unsigned>(clusters * kGateBlocks),
                   .block = kGateThreads,
                   .shared_bytes = arguments.shared_bytes()},
                  kGateBlocks, place, arguments);
  return true;
}

// The same for the second half.
template <class T>
bool project(Cuda place, const MBConvForward<T>& a, const T* x, std::int64_t images,
             const mbconv_detail::Scratch<T>& scratch, T* y) {
  using Tiling = MBConvProjectTiling;
  const auto e = a.x.extents();
  const std::int64_t image_pixels = e[1] * e[2], pixels = images * image_pixels, channels = e[3];
  const std::int64_t hidden = a.expand.template extent<E>().value, bytes = 2 * hidden;
  if (!has_hopper_code<mbconv_hopper_project_kernel<T>>() || channels % 32 != 0) return false;
  const auto tiling = mbconv_project_tiling(pixels, image_pixels, channels, multiprocessors_of(place),
                                            shared_memory_of_block(0));
  if (tiling.shared_bytes == 0) return false;
  constexpr int kHalf = Tiling::kColumns / 2;
  const ProjectArguments<T> arguments{
      .u = tensor_map<2>(scratch.u, {{hidden, Tiling::kDepth}, {pixels, Tiling::kRows, bytes}}),
      .gate = tensor_map<2>(scratch.gate, {{hidden, Tiling::kDepth}, {images, tiling.images, bytes}}),
      .project = tensor_map<5>(a.project.data(), {{hidden, Tiling::kDepth},
                                                  {2, 2, bytes},
                                                  {4, 4, 8 * bytes},
                                                  {4, 4, 2 * bytes},
                                                  {channels / 32, kHalf / 32, 32 * bytes}}),
      .x = tensor_map<2>(x, {{channels, Tiling::kDepth}, {pixels, Tiling::kRows, 2 * channels}}),
      .bias = a.project_bias.data(),
      .y = y,
      .pixels = static_cast<std::uint32_t>(pixels),
      .image_pixels = static_cast<std::uint32_t>(image_pixels),
      .channels = static_cast<int>(channels),
      .hidden = static_cast<int>(hidden),
      .tiling = tiling};
  const std::int64_t rows = tiling.teams * Tiling::kRows, tiles = (pixels + rows - 1) / rows;
  const std::int64_t cluster = tiles > 1 ? 2 : 1;
  launch_clusters("mbconv forward, project", mbconv_hopper_project_kernel<T>,
                  {.grid = {static_cast<unsigned>((tiles + cluster - 1) / cluster * cluster),
                            static_cast<unsigned>((channels + Tiling::kColumns - 1) / Tiling::kColumns)},
                   .block = kProjectThreads,
                   .shared_bytes = static_cast<std::size_t>(tiling.shared_bytes)},
                  static_cast<unsigned>(cluster), place, arguments);
  return true;
}

// The same for both of them in one kernel, for few images.
template <class T>
bool gate_and_project(Cuda place, const MBConvForward<T>& a, const T* x, std::int64_t images,
                      const mbconv_detail::Scratch<T>& scratch, T* y) {
  using Tiling = MBConvFewTiling;
  const auto e = a.x.extents();
  const std::int64_t image_pixels = e[1] * e[2], channels = e[3];
  const std::int64_t hidden = a.expand.template extent<E>().value,
                     squeezed = a.squeeze.template extent<D>().value;
  if (!has_hopper_code<mbconv_hopper_project_kernel<T>>()) return false;
  if (!aligned_to(16, a.squeeze.data(), a.excite.data(), a.squeeze_bias.data())) return false;
  const auto tiling = mbconv_few_tiling(images, image_pixels, channels, hidden, squeezed,
                                        multiprocessors_of(place), shared_memory_of_block(0));
  if (tiling.shared_bytes == 0) return false;
  const auto matrix = [](const T* data, std::int64_t rows, std::int64_t columns, int box_rows) {
    return tensor_map<2>(data, {{columns, Tiling::kBlock}, {rows, box_rows, 2 * columns}});
  };
  const FewArguments<T> arguments{.u = matrix(scratch.u, images * image_pixels, hidden, Tiling::kRows),
                                  .project = matrix(a.project.data(), channels, hidden, tiling.columns),
                                  .squeeze = matrix(a.squeeze.data(), squeezed, hidden, tiling.squeezed_rows),
                                  .excite = matrix(a.excite.data(), hidden, squeezed, tiling.depth()),
                                  .sums = scratch.sums,
                                  .squeeze_bias = a.squeeze_bias.data(),
                                  .excite_bias = a.excite_bias.data(),
                                  .project_bias = a.project_bias.data(),
                                  .x = x,
                                  .y = y,
                                  .image_pixels = static_cast<int>(image_pixels),
                                  .channels = static_cast<int>(channels),
                                  .hidden = static_cast<int>(hidden),
                                  .squeezed = static_cast<int>(squeezed),
                                  .share = 1 / static_cast<float>(image_pixels),
                                  .tiling = tiling};
  const std::int64_t tiles = (image_pixels + Tiling::kRows - 1) / Tiling::kRows;
  const LaunchShape shape{.grid = {static_cast<unsigned>(tiles * Tiling::kBlocks),
                                   static_cast<unsigned>((channels + tiling.columns - 1) / tiling.columns),
                                   static_cast<unsigned>(images)},
                          .block = kFewThreads,
                          .shared_bytes = static_cast<std::size_t>(tiling.shared_bytes)};
  dispatch<64, 128>("columns", tiling.columns, [&]<int kColumns>() {
    launch_clusters("mbconv forward, gate and project", mbconv_hopper_few_images_kernel<T, kColumns>, shape,
                    Tiling::kBlocks, place, arguments);
  });
  return true;
}

}  // namespace cf::kernels::mbconv_hopper
