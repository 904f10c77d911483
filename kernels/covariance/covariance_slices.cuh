// Products and sums of one slice of rows of x, in 16-bit types on the tensor cores: pixels are the depth of
// products x' x. A warp takes 16 rows at a time, and what it loads of them, transposed, is both operands;
// sums over rows are products with ones. Channels are cut into panels, and a block computes the products of
// one pair of panels over its rows.
#pragma once

#include <algorithm>

#include "kernels/base/async_copy.cuh"
#include "kernels/base/launch.cuh"
#include "kernels/base/mma.cuh"

namespace cf::kernels::covariance_slices {

inline constexpr int kWarps = 8, kLanes = 32, kThreads = kWarps * kLanes;
inline constexpr int kRows = 16;   // of a step of a warp
inline constexpr int kStages = 4;  // steps whose rows are on their way
inline constexpr int kAreas = 4;   // of shared memory, where warps add up

// The two panels of a pair, first <= second.
struct PanelPair {
  int first, second;
};
__host__ __device__ constexpr int pair_count(int panels) { return panels * (panels + 1) / 2; }
__device__ inline PanelPair panel_pair(int index) {
  int second = 0;
  while (pair_count(second + 1) <= index) ++second;
  return {index - pair_count(second), second};
}

// How the rows are cut, from the shape alone: each warp of a block takes every kWarps-th step of its slice.
// As many blocks as run at a time on a GPU of 132 multiprocessors: two of panels of 32 channels each, else
// one.
struct Cut {
  static constexpr std::int64_t kMostBlocks = 132, kFewestSteps = 16 * kWarps;

  std::int64_t rows, steps_per_slice;
  int channels, panel, panels, slices;

  Cut(std::int64_t row_count, std::int64_t channel_count)
      : rows(row_count),
        channels(static_cast<int>(channel_count)),
        panel(channels <= 32 ? 32 : 64),
        panels((channels + panel - 1) / panel) {
    const std::int64_t steps = (rows + kRows - 1) / kRows;
    const std::int64_t most = panel == 32 ? 2 * kMostBlocks : kMostBlocks / pair_count(panels);
    const std::int64_t wanted =
        std::clamp<std::int64_t>(steps / kFewestSteps, 1, std::max<std::int64_t>(1, most));
    steps_per_slice = (steps + wanted - 1) / wanted;
    slices = static_cast<int>((steps + steps_per_slice - 1) / steps_per_slice);
  }

  // Of a slice's partial result: the products of all pairs, then the sums of all panels.
  CF_HOST_DEVICE std::int64_t product_floats() const {
    return std::int64_t{pair_count(panels)} * panel * panel;
  }
  CF_HOST_DEVICE std::int64_t slice_floats() const { return product_floats() + panels * panel; }
};

template <int kPanel>
struct Panel {
  static constexpr int kPieces = kPanel / 8;             // of 16 bytes in a row
  static constexpr int kTiles = kPanel / 16;             // of 16 channels
  static constexpr int kStepBytes = kRows * kPanel * 2;  // of one panel

  // A piece of a row in shared memory: 8 rows of a piece lie in different banks.
  static __device__ std::uint32_t offset(int row, int piece) {
    const int swizzled = kPieces == 8 ? piece ^ row % 8 : piece ^ row / 2 % 4;
    return static_cast<std::uint32_t>((row * kPieces + swizzled) * 16);
  }

  // Rows [first, first + kRows) of x as far as they and the channels exist; zeros elsewhere.
  template <class T>
  static __device__ void load(const T* x, const Cut& cut, int panel, std::int64_t first, int lane,
                              std::uint32_t to) {
#pragma unroll
    for (int i = lane; i < kRows * kPieces; i += kLanes) {
      const int row = i / kPieces, piece = i % kPieces, channel = panel * kPanel + piece * 8;
      const bool exists = first + row < cut.rows && channel < cut.channels;
      copy_async_16(to + offset(row, piece), exists ? x + (first + row) * cut.channels + channel : x, exists);
    }
  }

  // 16 channels as rows, the step's rows as columns.
  static __device__ void load_tile(std::uint32_t from, int tile, int lane, MatrixA& a) {
    const std::uint32_t address = from + offset(lane % 8 + lane / 16 * 8, 2 * tile + lane / 8 % 2);
    load_matrices<Rows::AsColumns>(address, a.upper_left, a.lower_left, a.upper_right, a.lower_right);
  }
};

// What a warp's lanes hold of a pair of panels, in order: 16 x 8 products, row by row, four floats of each
// lane, and the sums over rows of 16 channels, likewise. Slices keep the products in this order.
template <int kPanel>
struct Fragments {
  static constexpr int kProducts = kPanel / 16 * (kPanel / 8);
  static constexpr int kFloats = (kProducts + kPanel / 16) * kLanes * 4;
};

// Where the product of two channels of a pair of panels lies.
__device__ inline int place_of_product(int row, int column, int panel) {
  const int lane = row % 8 * 4 + column % 8 / 2;
  return ((row / 16 * (panel / 8) + column / 8) * kLanes + lane) * 4 + row % 16 / 8 * 2 + column % 2;
}

template <class T>
__device__ constexpr std::uint32_t pair_of_ones() {
  return std::is_same_v<T, Half> ? 0x3C003C00U : 0x3F803F80U;
}

// The products and sums of one warp. On the diagonal only tiles on and above it are computed; what lies below
// is never read.
template <class T, int kPanel, bool kDiagonal>
struct Sums {
  static constexpr int kTiles = Panel<kPanel>::kTiles;

  float product[kTiles][2 * kTiles][4] = {};
  float total[kTiles][4] = {};

  static constexpr bool computes(int row, int column) { return !kDiagonal || column / 2 >= row; }

  __device__ __forceinline__ void add(std::uint32_t first, std::uint32_t second, int lane) {
    MatrixA b[kTiles];
#pragma unroll
    for (int j = 0; j < kTiles; ++j) Panel<kPanel>::load_tile(second, j, lane, b[j]);
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
      MatrixA a;
      if constexpr (kDiagonal) {
        a = b[i];
        multiply_add<T>(total[i], a, pair_of_ones<T>(), pair_of_ones<T>());
      } else {
        Panel<kPanel>::load_tile(first, i, lane, a);
      }
#pragma unroll
      for (int j = 0; j < kTiles; ++j) {
        if (computes(i, 2 * j)) multiply_add<T>(product[i][2 * j], a, b[j].upper_left, b[j].upper_right);
        if (computes(i, 2 * j)) multiply_add<T>(product[i][2 * j + 1], a, b[j].lower_left, b[j].lower_right);
      }
    }
  }

  // To an area of shared memory, in the order of fragments, each lane to its own places; added unless the
  // area is new.
  __device__ __forceinline__ void join(float* area, int lane, bool is_new) const {
    const auto put = [&](int place, const float(&value)[4]) {
      auto& to = reinterpret_cast<float4*>(area)[place * kLanes + lane];
      const float4 before = is_new ? float4{} : to;
      to = {before.x + value[0], before.y + value[1], before.z + value[2], before.w + value[3]};
    };
#pragma unroll
    for (int i = 0; i < kTiles; ++i) {
#pragma unroll
      for (int j = 0; j < 2 * kTiles; ++j) {
        if (computes(i, j)) put(i * 2 * kTiles + j, product[i][j]);
      }
      if (kDiagonal) put(Fragments<kPanel>::kProducts + i, total[i]);
    }
  }

  // Whether join() writes there.
  static __device__ bool writes(int place) {
    const bool is_product = place < Fragments<kPanel>::kProducts;
    return is_product ? computes(place / (2 * kTiles), place % (2 * kTiles)) : kDiagonal;
  }
};

template <class T, int kPanel, bool kDiagonal>
__device__ void sum_slice(const T* x, const Cut& cut, PanelPair pair, unsigned char* shared, float* partial) {
  using P = Panel<kPanel>;
  constexpr int kStageBytes = P::kStepBytes * (kDiagonal ? 1 : 2);
  const int warp = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const std::int64_t first = blockIdx.x * cut.steps_per_slice;
  const std::int64_t all = (cut.rows + kRows - 1) / kRows;
  const std::int64_t end = min(first + cut.steps_per_slice, all);
  const std::uint32_t ring = shared_address(shared) + warp * kStages * kStageBytes;
  const auto load = [&](std::int64_t step, int stage) {
    if (step < end) {
      P::load(x, cut, pair.first, step * kRows, lane, ring + stage * kStageBytes);
      if (!kDiagonal) {
        P::load(x, cut, pair.second, step * kRows, lane, ring + stage * kStageBytes + P::kStepBytes);
      }
    }
    commit_copies();
  };

  Sums<T, kPanel, kDiagonal> sums;
  for (int stage = 0; stage < kStages - 1; ++stage) load(first + warp + stage * kWarps, stage);
  int stage = 0;
  for (std::int64_t step = first + warp; step < end; step += kWarps) {
    wait_for_copies<kStages - 2>();
    __syncwarp();
    load(step + (kStages - 1) * kWarps, (stage + kStages - 1) % kStages);
    const std::uint32_t from = ring + stage * kStageBytes;
    sums.add(from, from + (kDiagonal ? 0 : P::kStepBytes), lane);
    stage = (stage + 1) % kStages;
  }
  wait_for_copies();

  using F = Fragments<kPanel>;
  auto* const areas = reinterpret_cast<float*>(shared);
  for (int i = 0; i < kWarps / kAreas; ++i) {
    __syncthreads();
    if (warp / kAreas == i) sums.join(areas + warp % kAreas * F::kFloats, lane, i == 0);
  }
  __syncthreads();
  float* own = partial + blockIdx.x * cut.slice_floats();
  float* products = own + std::int64_t{blockIdx.y} * kPanel * kPanel;
  for (int i = static_cast<int>(threadIdx.x); i < F::kFloats; i += kThreads) {
    const int place = i / (4 * kLanes);
    float sum = 0;
    if (Sums<T, kPanel, kDiagonal>::writes(place)) {
      for (int area = 0; area < kAreas; ++area) sum += areas[area * F::kFloats + i];
    }
    if (place < F::kProducts) {
      products[i] = sum;
    } else if (kDiagonal && (i % 16 == 0 || i % 16 == 2)) {
      const int row = (place - F::kProducts) * 16 + i % (4 * kLanes) / 16 + i % 4 / 2 * 8;
      own[cut.product_floats() + pair.first * kPanel + row] = sum;
    }
  }
}

// Grid: (slices, pairs of panels).
template <class T, int kPanel, bool kOnePanel>
__global__ void __launch_bounds__(kThreads) sum_products_kernel(const T* x, Cut cut, float* partial) {
  extern __shared__ __align__(128) unsigned char shared[];
  const PanelPair pair = panel_pair(static_cast<int>(blockIdx.y));
  if (kOnePanel || pair.first == pair.second) {
    sum_slice<T, kPanel, true>(x, cut, pair, shared, partial);
  } else if constexpr (!kOnePanel) {
    sum_slice<T, kPanel, false>(x, cut, pair, shared, partial);
  }
}

template <class T, int kPanel, bool kOnePanel>
void sum_products(Cuda place, const T* x, const Cut& cut, float* partial) {
  constexpr int kRing = kWarps * kStages * Panel<kPanel>::kStepBytes * (kOnePanel ? 1 : 2);
  constexpr int kJoined = kAreas * Fragments<kPanel>::kFloats * static_cast<int>(sizeof(float));
  constexpr std::size_t kShared = std::max(kRing, kJoined);
  launch("covariance, products", sum_products_kernel<T, kPanel, kOnePanel>,
         {.grid = dim3(static_cast<unsigned>(cut.slices), static_cast<unsigned>(pair_count(cut.panels))),
          .block = kThreads,
          .shared_bytes = kShared},
         place, x, cut, partial);
}

}  // namespace cf::kernels::covariance_slices
