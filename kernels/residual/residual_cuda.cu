#include "kernels/base/elementwise.cuh"
#include "kernels/residual/residual.h"
#include "kernels/residual/residual_check.h"

namespace cf::kernels {

namespace {

// The kept samples of a branch; a null pointer: all, in order.
struct KeptSamples {
  const std::int64_t* samples;
  std::int64_t count;

  // The sample of the sum that sample i of the branch belongs to.
  __device__ std::int64_t sample_of(std::int64_t i) const { return samples == nullptr ? i : samples[i]; }

  // The sample of the branch that belongs to sample n of `all` of the sum, -1 if none: n was dropped. All
  // lanes of a warp must call. As the list ascends, i of kept[i] = n lies between n less all that were
  // dropped, and n.
  __device__ std::int64_t branch_of(std::int64_t n, std::int64_t all) const {
    if (samples == nullptr) return n;
    const std::int64_t last = min(n, count - 1), lane = threadIdx.x % 32;
    for (std::int64_t i = max(n - (all - count), std::int64_t{0}); i <= last; i += 32) {
      const unsigned found = __ballot_sync(0xffffffffU, i + lane <= last && samples[i + lane] == n);
      if (found != 0) return i + __ffs(static_cast<int>(found)) - 1;
    }
    return -1;
  }
};

template <class T>
KeptSamples kept_samples(const View<const std::int64_t, N>& kept, const View<T, N, H, W, C>& branch) {
  return {kept.data(), branch.template extent<N>().value};
}

// Elements of a sample as a matrix of channels.
struct SampleShape {
  std::int64_t pixels, channels;

  CF_HOST_DEVICE std::int64_t size() const { return pixels * channels; }
};

template <class T>
SampleShape sample_shape(const View<T, N, H, W, C>& x) {
  return {x.template extent<H>().value * x.template extent<W>().value, x.template extent<C>().value};
}

// Blocks of y are samples, in turns where there are more; blocks of x share a sample.
LaunchShape shape_for_samples(unsigned blocks_per_sample, std::int64_t samples) {
  constexpr std::int64_t kMostBlocks = 65'535;
  return {.grid = dim3(blocks_per_sample, static_cast<unsigned>(std::min(samples, kMostBlocks))),
          .block = dim3(kElementwiseThreads)};
}

constexpr int kBatch = 4;  // packs that a thread of the sum loads before it stores: y may be x

// A thread's next pixels: `stride` apart, which is `step` elements, of the `left` that remain of the sample.
struct Batch {
  std::int64_t stride, step, left;

  __device__ bool has(int i) const { return i * stride < left; }
};

// to = from + factor (scale added + shift) in n channels of a batch.
template <class T, int n>
__device__ void add_batch(const T* from, const T* added, const float (&scale)[n], const float (&shift)[n],
                          float factor, const Batch& batch, T* to) {
  Pack<T, n> sums[kBatch], values[kBatch];
#pragma unroll
  for (int i = 0; i < kBatch; ++i) {
    const std::int64_t offset = batch.has(i) ? i * batch.step : 0;
    sums[i] = load_pack<T, n>(from + offset);
    values[i] = load_pack<T, n>(added + offset);
  }
#pragma unroll
  for (int i = 0; i < kBatch; ++i) {
    if (!batch.has(i)) return;
#pragma unroll
    for (int j = 0; j < n; ++j) {
      const float normed = scale[j] * to_float(values[i].value[j]) + shift[j];
      sums[i].value[j] = from_float<T>(to_float(sums[i].value[j]) + factor * normed);
    }
    store_pack(to + i * batch.step, sums[i]);
  }
}

// y[n] = x[n] + factor (scale branch[i] + shift), with the branch's sample i of n; x[n] where there is none.
template <class T, int n>
__global__ void __launch_bounds__(kElementwiseThreads)
    residual_sum_kernel(const T* x, const T* branch, const float* scale, const float* shift, KeptSamples kept,
                        float factor, T* y, std::int64_t samples, SampleShape shape) {
  const ChannelWalk walk = channel_walk<n>(shape.channels, shape.pixels);
  const std::int64_t step = walk.stride * shape.channels;
  float scales[n], shifts[n];
  load_floats(scale + walk.channel, scales);
  load_floats(shift + walk.channel, shifts);
  for (std::int64_t sample = blockIdx.y; sample < samples; sample += gridDim.y) {
    const std::int64_t branch_sample = kept.branch_of(sample, samples),
                       start = sample * shape.size() + walk.channel;
    for (std::int64_t pixel = walk.first_row; pixel < shape.pixels; pixel += kBatch * walk.stride) {
      const std::int64_t at = start + pixel * shape.channels;
      const Batch batch{walk.stride, step, shape.pixels - pixel};
      if (branch_sample >= 0) {
        const T* const added = branch + branch_sample * shape.size() + walk.channel + pixel * shape.channels;
        add_batch(x + at, added, scales, shifts, factor, batch, y + at);
      } else {
#pragma unroll
        for (int i = 0; i < kBatch; ++i) {
          if (batch.has(i)) store_pack(y + at + i * step, load_pack<T, n>(x + at + i * step));
        }
      }
    }
  }
}

template <class T, int n>
__global__ void gather_samples_kernel(const T* x, KeptSamples kept, float factor, T* y,
                                      std::int64_t sample_size) {
  for (std::int64_t i = blockIdx.y; i < kept.count; i += gridDim.y) {
    const T* from = x + kept.sample_of(i) * sample_size;
    T* to = y + i * sample_size;
    for_each_pack_of_thread<n>(sample_size, [&]<int count>(std::int64_t first) {
      auto pack = load_pack<T, count>(from + first);
#pragma unroll
      for (T& value : pack.value) value = from_float<T>(factor * to_float(value));
      store_pack(to + first, pack);
    });
  }
}

template <class T, int n>
__global__ void scatter_add_samples_kernel(const T* x, KeptSamples kept, T* y, std::int64_t sample_size) {
  for (std::int64_t i = blockIdx.y; i < kept.count; i += gridDim.y) {
    const T* from = x + i * sample_size;
    T* to = y + kept.sample_of(i) * sample_size;
    for_each_pack_of_thread<n>(sample_size, [&]<int count>(std::int64_t first) {
      const auto added = load_pack<T, count>(from + first);
      auto sum = load_pack<T, count>(to + first);
#pragma unroll
      for (int j = 0; j < count; ++j) {
        sum.value[j] = from_float<T>(to_float(sum.value[j]) + to_float(added.value[j]));
      }
      store_pack(to + first, sum);
    });
  }
}

}  // namespace

template <class T>
void residual(Cuda place, const ResidualSum<T>& args) {
  check_extents(args);
  if (args.x.size() == 0) return;
  const SampleShape shape = sample_shape(args.x);
  const std::int64_t samples = args.x.template extent<N>().value;
  const auto run = [&]<int n> {
    launch("residual_sum", residual_sum_kernel<T, n>,
           shape_for_samples(channel_walk_blocks((shape.pixels + kBatch - 1) / kBatch, shape.channels, n),
                             samples),
           place, args.x.data(), args.branch.data(), args.scale.data(), args.shift.data(),
           kept_samples(args.kept, args.branch), args.factor, args.y.data(), samples, shape);
  };
  dispatch_pack<T>(shape.channels, run, args.x.data(), args.branch.data(), args.scale.data(),
                   args.shift.data(), args.y.data());
}

template <class T>
void residual(Cuda place, const GatherSamples<T>& args) {
  check_extents(args);
  const std::int64_t size = sample_shape(args.y).size(), samples = args.y.template extent<N>().value;
  const auto run = [&]<int n> {
    launch("gather_samples", gather_samples_kernel<T, n>,
           shape_for_samples(flat_shape(size, n).grid.x, samples), place, args.x.data(),
           kept_samples(args.kept, args.y), args.factor, args.y.data(), size);
  };
  dispatch_pack<T>(size, run, args.x.data(), args.y.data());  // each sample begins with a pack
}

template <class T>
void residual(Cuda place, const ScatterAddSamples<T>& args) {
  check_extents(args);
  const std::int64_t size = sample_shape(args.x).size(), samples = args.x.template extent<N>().value;
  const auto run = [&]<int n> {
    launch("scatter_add_samples", scatter_add_samples_kernel<T, n>,
           shape_for_samples(flat_shape(size, n).grid.x, samples), place, args.x.data(),
           kept_samples(args.kept, args.x), args.y.data(), size);
  };
  dispatch_pack<T>(size, run, args.x.data(), args.y.data());
}

#define CF_INSTANTIATE(T)                                \
  template void residual(Cuda, const ResidualSum<T>&);   \
  template void residual(Cuda, const GatherSamples<T>&); \
  template void residual(Cuda, const ScatterAddSamples<T>&)

CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

}  // namespace cf::kernels
