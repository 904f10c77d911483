#include "kernels/base/elementwise.cuh"
#include "kernels/base/philox.h"
#include "kernels/dropout/dropout.h"
#include "kernels/dropout/dropout_check.h"

namespace cf::kernels {

namespace {

constexpr int kDraws = 4;  // elements of one block of the generator

template <class T>
__device__ T dropped(T x, std::uint32_t bits, float probability) {
  return Philox::uniform_of(bits) >= probability ? from_float<T>(to_float(x) / (1 - probability)) : T{0.0F};
}

struct Stream {
  std::uint64_t seed, layer;
  const std::int64_t* draw;
};

// A thread draws a block of the generator and uses all of it; only the last block may reach behind the end.
template <class T, bool kInPacks>
__global__ void dropout_kernel(const T* x, Stream random_numbers, float probability, T* y,
                               std::int64_t size) {
  const Philox stream(random_numbers.seed, Purpose::Dropout, static_cast<std::uint64_t>(*random_numbers.draw),
                      random_numbers.layer);
  const std::int64_t blocks = (size + kDraws - 1) / kDraws;
  for (std::int64_t block = thread_index(); block < blocks; block += thread_count()) {
    const Philox4 random = stream.block(static_cast<std::uint32_t>(block));
    const std::int64_t first = block * kDraws;
    if (kInPacks && first + kDraws <= size) {
      auto pack = load_pack<T, kDraws>(x + first);
#pragma unroll
      for (int j = 0; j < kDraws; ++j) pack.value[j] = dropped(pack.value[j], random[j], probability);
      store_pack(y + first, pack);
    } else {
#pragma unroll
      for (int j = 0; j < kDraws; ++j) {
        if (first + j < size) y[first + j] = dropped(x[first + j], random[j], probability);
      }
    }
  }
}

}  // namespace

template <class T>
void dropout(Cuda place, const Dropout<T>& args) {
  check(args);
  const Stream random_numbers{args.seed, args.layer, args.draw.data()};
  const bool in_packs = aligned_to(16, args.x.data(), args.y.data());
  launch("dropout", in_packs ? dropout_kernel<T, true> : dropout_kernel<T, false>,
         flat_shape(args.x.size(), kDraws), place, args.x.data(), random_numbers, args.probability,
         args.y.data(), args.x.size());
}

template void dropout(Cuda, const Dropout<float>&);
template void dropout(Cuda, const Dropout<Half>&);
template void dropout(Cuda, const Dropout<BFloat16>&);

}  // namespace cf::kernels
