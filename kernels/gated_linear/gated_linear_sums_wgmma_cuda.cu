#include <algorithm>

#include "kernels/base/alignment.h"
#include "kernels/base/device_attribute.cuh"
#include "kernels/base/dispatch.h"
#include "kernels/base/launch_clusters.cuh"
#include "kernels/gated_linear/gated_linear_sums_wgmma.h"
#include "kernels/gated_linear/sums_worker.cuh"
#include "kernels/gated_norm/gated_norm_backward.cuh"

namespace cf::kernels {

namespace {

using gated_linear_detail::kBlockChannels;
using gated_linear_detail::kDepth;
using gated_linear_detail::kMostShared;
using gated_linear_detail::kTeamChannels;
using gated_linear_detail::kThreads;
using gated_linear_detail::SumsArguments;
using gated_linear_detail::SumsTile;

constexpr std::string_view kName = "gated_linear backward with sums";

template <class T, int kChannelsIn, int kRows>
__global__ void __launch_bounds__(kThreads, 1)
    gated_linear_sums_kernel(const __grid_constant__ SumsArguments<T> arguments) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) unsigned char shared[];
  gated_linear_detail::SumsWorker<T, kChannelsIn, kRows>(arguments, shared).run();
#else
  __trap();  // never chosen, see has_hopper_code()
#endif
}

template <class T>
bool takes(const GatedLinearBackward<T>& a) {
  constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;
  const std::int64_t pixels = a.norm.x.template extent<H>().value * a.norm.x.template extent<W>().value,
                     all = a.dy.template extent<M>().value;
  const bool fits =
      all > 0 && all <= kMostPixels && pixels_of_tile(pixels) > 0 &&
      fits_sums_at_the_store(a.norm.activation) &&
      fit_sums_at_the_store(a.weight.template extent<K>().value, a.weight.template extent<C>().value) &&
      aligned_to(16, a.dy.data(), a.weight.data(), a.norm.x.data(), a.norm.dx.data());
  return fits && shared_memory_of_block(0) >= kMostShared &&
         has_hopper_code<gated_linear_sums_kernel<T, 256, 104>>();
}

}  // namespace

template <class T>
bool takes_sums_at_the_store(Cuda, const GatedLinearBackward<T>& a) {
  return takes(a);
}

template <class T>
void gated_linear_sums_by_wgmma(Cuda place, const GatedLinearBackward<T>& a, std::byte* norm_memory) {
  const std::int64_t samples = a.norm.x.template extent<N>().value, in = a.weight.template extent<K>().value,
                     out = a.weight.template extent<C>().value,
                     pixels = a.norm.x.template extent<H>().value * a.norm.x.template extent<W>().value,
                     blocks = out / kBlockChannels;
  const int rows = pixels_of_tile(pixels);
  const gated_norm_detail::BackwardMemory memory(a.norm, norm_memory);
  const auto image = [&](const T* data, std::int64_t channels) {
    return tensor_map<3>(
        data, {{channels, kDepth}, {pixels, rows, channels * 2}, {samples, 1, pixels * channels * 2}});
  };
  const SumsArguments<T> arguments{
      .dy = image(a.dy.data(), in),
      .weight = tensor_map<2>(a.weight.data(), {{out, kTeamChannels}, {in, kDepth, out * 2}}),
      .u = image(a.norm.x.data(), out),
      .da = image(a.norm.dx.data(), out),
      .norm = gated_norm_detail::norm_pointers(a.norm),
      .gate = a.norm.gate.data(),
      .sums = memory.sums,
      .gate_gradient = memory.gates.da,
      .samples = static_cast<int>(samples),
      .pixels = static_cast<int>(pixels),
      .channels = static_cast<int>(out),
      .rectifies = a.norm.activation == Activation::Relu};
  // Blocks along the samples: one wave of them, each with a sample at least.
  const std::int64_t parts = std::clamp<std::int64_t>(multiprocessors_of(place) / blocks, 1, samples);
  const unsigned cluster = blocks % 2 == 0 ? 2 : 1;
  dispatch<56, 104>("pixels of a tile", rows, [&]<int kRows>() {
    const LaunchShape shape{.grid = {static_cast<unsigned>(blocks), static_cast<unsigned>(parts)},
                            .block = kThreads,
                            .shared_bytes = SumsTile<kRows>::kSharedBytes};
    dispatch<128, 192, 256>("input channels", static_cast<int>(in), [&]<int kChannelsIn>() {
      launch_clusters(kName, gated_linear_sums_kernel<T, kChannelsIn, kRows>, shape, cluster, place,
                      arguments);
    });
  });
}

#define CF_INSTANTIATE(T)                                                     \
  template bool takes_sums_at_the_store(Cuda, const GatedLinearBackward<T>&); \
  template void gated_linear_sums_by_wgmma(Cuda, const GatedLinearBackward<T>&, std::byte*);
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
