#include <cstdint>

#include "kernels/base/alignment.h"
#include "kernels/base/elementwise.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/gemm/gemm_cuda.h"
#include "kernels/gemm/multiply_deep.h"
#include "kernels/patch_conv/patch_conv.h"
#include "kernels/patch_conv/patch_conv_check.h"
#include "kernels/patch_conv/patch_conv_mma.h"
#include "kernels/patch_conv/patch_conv_wgmma.h"

namespace cf::kernels {

namespace {

constexpr int kBlock = 256;

// Images [N,H,W,C] and their patches [N,P,Q,R,S,C], in units of 2 to 16 bytes. The S pixels that a patch has
// in one image row lie together in both: a run. A patch may be followed by zeros.
struct Layout {
  std::uint32_t n, h, p, q, r;
  std::uint32_t run, row;  // units of a run, of an image row
  std::uint32_t patch;     // units from one patch to the next

  __host__ __device__ std::uint32_t image_units() const { return n * h * row; }
  __host__ __device__ std::uint32_t patch_units() const { return n * p * q * patch; }
};

template <class Unit>
__global__ void gather_kernel(Layout l, const Unit* image, Unit* patches) {
  const std::uint32_t units = l.patch_units();
  for (std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < units; i += gridDim.x * blockDim.x) {
    const std::uint32_t index = i / l.patch, unit = i % l.patch, r = unit / l.run;
    const std::uint32_t q = index % l.q, line = index / l.q, p = line % l.p, n = line / l.p;
    patches[i] = r < l.r ? image[(n * l.h + p * l.r + r) * l.row + q * l.run + unit % l.run] : Unit{};
  }
}

// Every unit of the image: from its patch, zero where no patch covers it.
template <class Unit>
__global__ void scatter_kernel(Layout l, const Unit* patches, Unit* image) {
  const std::uint32_t units = l.image_units();
  for (std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < units; i += gridDim.x * blockDim.x) {
    const std::uint32_t column = i % l.row, q = column / l.run, line = i / l.row;
    const std::uint32_t h = line % l.h, n = line / l.h, p = h / l.r;
    const bool lost = p >= l.p || q >= l.q;
    image[i] = lost ? Unit{} : patches[(((n * l.p + p) * l.q + q) * l.r + h % l.r) * l.run + column % l.run];
  }
}

// Adds columns of a wider matrix to all of another, or puts them there.
__global__ void add_columns_kernel(const float* from, std::int64_t from_columns, std::int64_t size,
                                   std::int64_t columns, float beta, float* to) {
  for (std::int64_t i = thread_index(); i < size; i += thread_count()) {
    const float value = from[i / columns * from_columns + i % columns];
    to[i] = beta == 0 ? value : beta * to[i] + value;
  }
}

// Elements from one patch to the next so that all are aligned as cuBLASLt's fast products want it. What it
// has for others leaves nearly all of the GPU idle: 10.6 ms, not 0.08, for a stem of 2x2x3 behind 2 million
// pixels.
template <class T>
std::int64_t aligned_depth(std::int64_t depth) {
  constexpr std::int64_t kTogether = 16 / sizeof(T);
  return (depth + kTogether - 1) / kTogether * kTogether;
}

// The product's extents: patches [rows, depth], outputs [rows, columns].
struct Product {
  std::int64_t rows, columns, depth;

  template <class Output, class Weight>
  Product(const Output& y, const Weight& weight)
      : rows(y.template extent<N>().value * y.template extent<P>().value * y.template extent<Q>().value),
        columns(weight.template extent<K>().value),
        depth(weight.template extent<R>().value * weight.template extent<S>().value *
              weight.template extent<C>().value) {}

  template <class T>
  std::size_t patch_bytes() const {
    return padded_bytes(static_cast<std::size_t>(rows * depth) * sizeof(T));
  }
};

// The layout in units of `unit` bytes.
template <class Image, class Output, class Weight>
Layout layout_of(const Image& x, const Output& y, const Weight& weight, std::int64_t patch,
                 std::size_t unit) {
  constexpr std::int64_t kMostUnits = std::int64_t{1} << 31;
  using Element = typename Image::Element;
  CF_CHECK(x.size() < kMostUnits, "patch_conv: an image tensor of ", x.size(),
           " elements, must have less than ", kMostUnits, " on the GPU");
  const auto units = [&](std::int64_t elements) {
    return static_cast<std::uint32_t>(static_cast<std::size_t>(elements) * sizeof(Element) / unit);
  };
  const auto narrow = [](auto axis) { return static_cast<std::uint32_t>(axis.value); };
  const auto channels = x.template extent<C>().value;
  return {narrow(x.template extent<N>()),
          narrow(x.template extent<H>()),
          narrow(y.template extent<P>()),
          narrow(y.template extent<Q>()),
          narrow(weight.template extent<R>()),
          units(weight.template extent<S>().value * channels),
          units(x.template extent<W>().value * channels),
          units(patch)};
}

// body<Unit>() with the widest unit of which runs, rows, patches and both addresses are multiples.
template <class T, class Body>
void dispatch_unit(std::int64_t run, std::int64_t row, std::int64_t patch, const void* image,
                   const void* patches, const Body& body) {
  const auto fits = [&](std::size_t bytes) {
    return static_cast<std::size_t>(run) * sizeof(T) % bytes == 0 &&
           static_cast<std::size_t>(row) * sizeof(T) % bytes == 0 &&
           static_cast<std::size_t>(patch) * sizeof(T) % bytes == 0 &&
           reinterpret_cast<std::uintptr_t>(image) % bytes == 0 &&
           reinterpret_cast<std::uintptr_t>(patches) % bytes == 0;
  };
  if (fits(16)) return body.template operator()<uint4>();
  if (fits(8)) return body.template operator()<uint2>();
  if (fits(4)) return body.template operator()<std::uint32_t>();
  return body.template operator()<std::uint16_t>();
}

// `patch` elements from one patch to the next, zeros behind each.
template <class T, class Output, class Weight>
void gather(Cuda place, const View<const T, N, H, W, C>& x, const Output& y, const Weight& weight,
            std::int64_t patch, T* patches) {
  const auto c = x.template extent<C>().value;
  dispatch_unit<T>(weight.template extent<S>().value * c, x.template extent<W>().value * c, patch, x.data(),
                   patches, [&]<class Unit>() {
                     const Layout layout = layout_of(x, y, weight, patch, sizeof(Unit));
                     launch("patch_conv gather", gather_kernel<Unit>,
                            {.grid = grid_for(layout.patch_units(), kBlock), .block = kBlock}, place, layout,
                            reinterpret_cast<const Unit*>(x.data()), reinterpret_cast<Unit*>(patches));
                   });
}

template <class T>
void scatter(Cuda place, const PatchConvBackwardInput<T>& a, const T* patches) {
  const auto c = a.dx.template extent<C>().value;
  const std::int64_t patch = Product(a.dy, a.weight).depth;
  dispatch_unit<T>(a.weight.template extent<S>().value * c, a.dx.template extent<W>().value * c, patch,
                   a.dx.data(), patches, [&]<class Unit>() {
                     const Layout layout = layout_of(a.dx, a.dy, a.weight, patch, sizeof(Unit));
                     launch("patch_conv scatter", scatter_kernel<Unit>,
                            {.grid = grid_for(layout.image_units(), kBlock), .block = kBlock}, place, layout,
                            reinterpret_cast<const Unit*>(patches), reinterpret_cast<Unit*>(a.dx.data()));
                   });
}

}  // namespace

template <class T>
void patch_conv(Cuda place, const PatchConvForward<T>& a) {
  check(a);
  if constexpr (!std::is_same_v<T, float>) {
    if (patch_conv_by_mma(place, a) || patch_conv_by_wgmma(place, a)) return;
  }
  const Product product(a.y, a.weight);
  const std::size_t bytes = product.patch_bytes<T>();
  T* patches = workspace_as<T>("patch_conv forward", a.workspace, bytes / sizeof(T));
  gather(place, a.x, a.y, a.weight, product.depth, patches);
  multiply(place,
           {.in = kDType<T>,
            .out = kDType<T>,
            .rows = product.rows,
            .columns = product.columns,
            .depth = product.depth,
            .a = patches,
            .b = a.weight.data(),
            .b_transposed = true,
            .result = a.y.data(),
            .bias = a.bias.data()},
           a.workspace.subspan(bytes));
}

template <class T>
void patch_conv(Cuda place, const PatchConvBackwardInput<T>& a) {
  check(a);
  const Product product(a.dy, a.weight);
  const std::size_t bytes = product.patch_bytes<T>();
  T* patches = workspace_as<T>("patch_conv backward input", a.workspace, bytes / sizeof(T));
  multiply(place,
           {.in = kDType<T>,
            .out = kDType<T>,
            .rows = product.rows,
            .columns = product.depth,
            .depth = product.columns,
            .a = a.dy.data(),
            .b = a.weight.data(),
            .result = patches},
           a.workspace.subspan(bytes));
  scatter(place, a, patches);
}

template <class T>
void patch_conv(Cuda place, const PatchConvBackwardWeight<T>& a) {
  check(a);
  const Product product(a.dy, a.dweight);
  const std::int64_t depth = aligned_depth<T>(product.depth);
  const bool is_padded = depth != product.depth;
  const std::size_t patch_bytes = padded_bytes(static_cast<std::size_t>(product.rows * depth) * sizeof(T));
  const std::size_t sum_bytes =
      is_padded ? padded_bytes(static_cast<std::size_t>(product.columns * depth) * sizeof(float)) : 0;
  T* patches = workspace_as<T>("patch_conv backward weight", a.workspace, patch_bytes / sizeof(T));
  float* sums = a.dweight.data();
  if (is_padded) {
    sums = workspace_as<float>("patch_conv backward weight", a.workspace.subspan(patch_bytes),
                               sum_bytes / sizeof(float));
  }
  gather(place, a.x, a.dy, a.dweight, depth, patches);
  multiply_deep(place,
                {.in = kDType<T>,
                 .out = DType::Float32,
                 .rows = product.columns,
                 .columns = depth,
                 .depth = product.rows,
                 .a = a.dy.data(),
                 .b = patches,
                 .a_transposed = true,
                 .result = sums,
                 .beta = is_padded ? 0 : a.accumulate},
                a.workspace.subspan(patch_bytes + sum_bytes));
  if (!is_padded) return;
  launch("patch_conv backward weight", add_columns_kernel, flat_shape(a.dweight.size(), 1), place,
         static_cast<const float*>(sums), depth, a.dweight.size(), product.depth, a.accumulate,
         a.dweight.data());
}

template <class T>
std::size_t workspace_bytes(Cuda, const PatchConvForward<T>& a) {
  const Product product(a.y, a.weight);
  return product.patch_bytes<T>() + gemm_workspace_bytes(product.rows, product.columns);
}

template <class T>
std::size_t workspace_bytes(Cuda, const PatchConvBackwardInput<T>& a) {
  const Product product(a.dy, a.weight);
  return product.patch_bytes<T>() + gemm_workspace_bytes(product.rows, product.depth);
}

template <class T>
std::size_t workspace_bytes(Cuda, const PatchConvBackwardWeight<T>& a) {
  const Product product(a.dy, a.dweight);
  const std::int64_t depth = aligned_depth<T>(product.depth);
  return padded_bytes(static_cast<std::size_t>(product.rows * depth) * sizeof(T)) +
         padded_bytes(static_cast<std::size_t>(product.columns * depth) * sizeof(float)) +
         gemm_workspace_bytes(product.columns, depth);
}

#define CF_INSTANTIATE(T)                                                       \
  template void patch_conv(Cuda, const PatchConvForward<T>&);                   \
  template void patch_conv(Cuda, const PatchConvBackwardInput<T>&);             \
  template void patch_conv(Cuda, const PatchConvBackwardWeight<T>&);            \
  template std::size_t workspace_bytes(Cuda, const PatchConvForward<T>&);       \
  template std::size_t workspace_bytes(Cuda, const PatchConvBackwardInput<T>&); \
  template std::size_t workspace_bytes(Cuda, const PatchConvBackwardWeight<T>&);
CF_INSTANTIATE(float)
CF_INSTANTIATE(Half)
CF_INSTANTIATE(BFloat16)
#undef CF_INSTANTIATE

}  // namespace cf::kernels
