// mbconv at place Cuda: for each slice of the batch u, then the gates, then y. Defined here, instantiated in
// a file for each element type.
#pragma once

#include "kernels/base/alignment.h"
#include "kernels/mbconv_forward/hopper_route.cuh"
#include "kernels/mbconv_forward/mbconv_forward_check.h"
#include "kernels/mbconv_forward/portable_route.cuh"

namespace cf::kernels {

namespace mbconv_detail {

template <class T>
void check_supported(const MBConvForward<T>& a) {
  constexpr auto kName = "mbconv forward";
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;
  const auto channels = a.x.template extent<C>().value, hidden = a.expand.template extent<E>().value;
  CF_CHECK_AS(ErrorKind::Usage, channels % 8 == 0, kName, ": x has C=", channels,
              ", the GPU takes multiples of 8");
  CF_CHECK_AS(ErrorKind::Usage, hidden > 0, kName, ": expand has E=0, must be positive");
  CF_CHECK(a.x.size() / channels < kMostPixels, kName, ": x has too many pixels for the GPU");
  CF_CHECK(aligned_to(16, a.x.data(), a.y.data(), a.expand.data(), a.conv.data(), a.project.data(),
                      a.expand_bias.data(), a.conv_bias.data(), a.project_bias.data(), a.workspace.data()),
           kName, ": images, weights, biases and workspace must be aligned to 16 bytes");
}

// How the batch is cut, and where a slice's scratch lies.
template <class T>
struct Plan {
  MBConvTiling tiling;
  std::int64_t slice_images, hidden, squeezed, u_size, tiles;

  explicit Plan(const MBConvForward<T>& a)
      : tiling(mbconv_tiling(a.x.extents()[1], a.x.extents()[2])),
        hidden(a.expand.template extent<E>().value),
        squeezed(a.squeeze.template extent<D>().value),
        tiles(tiling.tiles_of_image()) {
    const auto e = a.x.extents();
    const std::int64_t image_size = e[1] * e[2] * hidden;
    slice_images = mbconv_slice_images(e[0], image_size * static_cast<std::int64_t>(sizeof(T)), tiling.images,
                                       a.slice_bytes > 0 ? a.slice_bytes : kMBConvSliceBytes);
    u_size = slice_images * image_size;
  }

  static std::size_t padded(std::int64_t size, std::size_t bytes) {
    return padded_bytes(static_cast<std::size_t>(size) * bytes);
  }
  std::size_t u_bytes() const { return padded(u_size, sizeof(T)); }
  std::size_t gate_bytes() const { return padded(slice_images * hidden, sizeof(T)); }
  std::size_t pooled_bytes() const { return padded(slice_images * hidden, sizeof(float)); }
  std::size_t sums_bytes() const { return padded(slice_images * tiles * hidden, sizeof(float)); }
  std::size_t bytes() const {
    return u_bytes() + gate_bytes() + pooled_bytes() + sums_bytes() +
           padded(slice_images * squeezed, sizeof(float));
  }

  Scratch<T> scratch(std::byte* first) const {
    Scratch<T> s{};
    s.u = reinterpret_cast<T*>(first);
    s.gate = reinterpret_cast<T*>(first += u_bytes());
    s.pooled = reinterpret_cast<float*>(first += gate_bytes());
    s.sums = reinterpret_cast<float*>(first += pooled_bytes());
    s.squeezed = reinterpret_cast<float*>(first += sums_bytes());
    return s;
  }
};

}  // namespace mbconv_detail

template <class T>
void mbconv(Cuda place, const MBConvForward<T>& a) {
  check(a);
  if (a.y.size() == 0) return;
  mbconv_detail::check_supported(a);
  const mbconv_detail::Plan<T> plan(a);
  const auto scratch = plan.scratch(workspace_as<std::byte>("mbconv forward", a.workspace, plan.bytes()));
  const std::int64_t samples = a.x.extents()[0];
  for (std::int64_t first = 0; first < samples; first += plan.slice_images) {
    const std::int64_t images = std::min(plan.slice_images, samples - first);
    const T* x = a.x.at(N{first});
    if (a.portable || !mbconv_hopper::compute_hidden(place, a, x, images, scratch)) {
      mbconv_portable::compute_hidden(place, a, plan.tiling, x, images, scratch);
    }
    T* y = a.y.at(N{first});
    const bool hopper_sums = !a.portable && plan.tiles == 1;
    if (hopper_sums && mbconv_hopper::gate_and_project(place, a, x, images, scratch, y)) continue;
    if (!hopper_sums || !mbconv_hopper::compute_gates(place, a, images, scratch)) {
      mbconv_detail::compute_gates(place, a, scratch, images, static_cast<int>(plan.tiles));
    }
    if (a.portable || !mbconv_hopper::project(place, a, x, images, scratch, y)) {
      mbconv_portable::project(place, a, x, images, scratch, y);
    }
  }
}

template <class T>
std::size_t workspace_bytes(Cuda, const MBConvForward<T>& a) {
  return a.y.size() == 0 || a.expand.template extent<E>().value == 0 ? 0 : mbconv_detail::Plan<T>(a).bytes();
}

}  // namespace cf::kernels
