// Statistics, fold and running statistics.
#include "kernels/base/elementwise.cuh"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/batch_norm_check.h"
#include "kernels/batch_norm/column_slices.cuh"

namespace cf::kernels {

namespace {

// NaN stays NaN.
__device__ float without_rounding_below_zero(float squares) { return squares < 0 ? 0 : squares; }

// Sums of values and squares about a value near the mean, so that for a mean far above the deviation nothing
// is lost: of a slice's rows about the first of them, of slices about the first slice's mean.
struct ShiftedSums {
  float sum, squares;

  __device__ void add(float distance) {
    sum += distance;
    squares += distance * distance;
  }
  __device__ void join(const ShiftedSums& other) {
    sum += other.sum;
    squares += other.squares;
  }
};

constexpr int kBatch = 8;  // rows that a thread loads before it adds them

// partial[slice, c] of every slice: mean about the first row's value, then, behind all means, sum of squared
// deviations.
template <class T, int n>
__global__ void __launch_bounds__(kColumnThreads)
    moments_of_slices_kernel(const T* x, ColumnSlices slices, float* partial) {
  const ColumnTile tile = column_tile<n>(slices);
  const std::int64_t slice_row = slices.first_row(tile.slice);
  float shift[n] = {};
  ShiftedSums sums[n] = {};
  if (tile.has_channels) {
    const T* const own = x + tile.channel;
    load_floats(own + slice_row * slices.channels, shift);
    for (std::int64_t row = tile.first_row; row < tile.last_row; row += kBatch * std::int64_t{blockDim.y}) {
      Pack<T, n> packs[kBatch];  // behind the slice its first row, which is at no distance from the shift
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        const std::int64_t wanted = row + i * std::int64_t{blockDim.y};
        packs[i] = load_pack<T, n>(own + (wanted < tile.last_row ? wanted : slice_row) * slices.channels);
      }
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
#pragma unroll
        for (int j = 0; j < n; ++j) sums[j].add(to_float(packs[i].value[j]) - shift[j]);
      }
    }
  }
  join_rows_of_block(sums);
  if (threadIdx.y != 0 || !tile.has_channels) return;
  float first[n];
  load_floats(x + tile.channel, first);
  float* means = partial + tile.slice * slices.channels + tile.channel;
  const auto count = static_cast<float>(tile.last_row - slice_row);
#pragma unroll
  for (int j = 0; j < n; ++j) {
    const float mean = sums[j].sum / count;
    means[j] = shift[j] - first[j] + mean;
    means[slices.count * slices.channels + j] =
        without_rounding_below_zero(sums[j].squares - sums[j].sum * mean);
  }
}

struct Moments {
  float mean, variance;
};

// Of a finish kernel's channel, for its first lane.
template <class T>
__device__ Moments finish_moments(const T* x, const float* partial, const ColumnSlices& slices) {
  const std::int64_t c = finish_channel();
  const float* squares = partial + slices.count * slices.channels;
  float shift = 0,
        sums[] = {0, 0, 0};  // about the first slice's mean: of distances, their squares, inner squares
  if (c < slices.channels) {
    shift = partial[c];
#pragma unroll 8
    for (std::int64_t slice = threadIdx.y; slice < slices.count; slice += kFinishLanes) {
      const std::int64_t i = slice * slices.channels + c;
      const auto count = static_cast<float>(slices.last_row(slice) - slices.first_row(slice));
      const float distance = partial[i] - shift;
      sums[0] += count * distance;
      sums[1] += count * distance * distance;
      sums[2] += squares[i];
    }
  }
  add_finish_lanes(sums);
  if (c >= slices.channels) return {};
  const float count = static_cast<float>(slices.rows), distance = sums[0] / count;
  return {to_float(x[c]) + (shift + distance),
          (sums[2] + without_rounding_below_zero(sums[1] - sums[0] * distance)) / count};
}

template <class T>
__global__ void __launch_bounds__(kFinishThreads)
    finish_moments_kernel(const T* x, const float* partial, ColumnSlices slices, float* mean,
                          float* variance) {
  const std::int64_t c = finish_channel();
  const Moments moments = finish_moments(x, partial, slices);
  if (threadIdx.y != 0 || c >= slices.channels) return;
  mean[c] = moments.mean;
  variance[c] = moments.variance;
}

struct FoldPointers {
  const float *gamma, *bias;
  float *rstd, *scale, *shift;  // rstd may be null
};

__device__ void fold(const FoldPointers& p, float eps, const Moments& moments, std::int64_t c) {
  const float rstd = 1 / sqrtf(moments.variance + eps), scale = p.gamma[c] * rstd;
  if (p.rstd != nullptr) p.rstd[c] = rstd;
  p.scale[c] = scale;
  p.shift[c] = p.bias[c] - moments.mean * scale;
}

__global__ void fold_kernel(const float* mean, const float* variance, FoldPointers p, float eps,
                            std::int64_t channels) {
  for (std::int64_t c = thread_index(); c < channels; c += thread_count()) {
    fold(p, eps, {mean[c], variance[c]}, c);
  }
}

// What the moments are good for, at once.
struct TrainingPointers {
  float *mean, *variance;
  FoldPointers fold;
  float eps;
  float *batch_mean, *batch_variance;  // collected
  float share, unbiased;               // by which mean and variance count there
  bool adds;

  // What was collected may be NaN where it is overwritten: it is not read then.
  __device__ void finish(const Moments& moments, std::int64_t c) const {
    cf::kernels::fold(fold, eps, moments, c);
    batch_mean[c] = (adds ? batch_mean[c] : 0) + share * moments.mean;
    batch_variance[c] = (adds ? batch_variance[c] : 0) + unbiased * moments.variance;
  }
};

template <class T>
__global__ void __launch_bounds__(kFinishThreads)
    finish_training_kernel(const T* x, const float* partial, ColumnSlices slices, TrainingPointers to) {
  const std::int64_t c = finish_channel();
  const Moments moments = finish_moments(x, partial, slices);
  if (threadIdx.y != 0 || c >= slices.channels) return;
  to.mean[c] = moments.mean;
  to.variance[c] = moments.variance;
  to.finish(moments, c);
}

__global__ void finish_given_kernel(TrainingPointers to, std::int64_t channels) {
  for (std::int64_t c = thread_index(); c < channels; c += thread_count()) {
    to.finish({to.mean[c], to.variance[c]}, c);
  }
}

__global__ void running_kernel(const float* batch, float momentum, float* running, const float* applies,
                               std::int64_t size) {
  if (applies != nullptr && *applies == 0) return;
  for (std::int64_t i = thread_index(); i < size; i += thread_count()) {
    running[i] = (1 - momentum) * running[i] + momentum * batch[i];
  }
}

template <class T>
ColumnSlices slices_of(const BatchNormStatistics<T>& args) {
  return column_slices(args.x.template extent<M>().value, args.x.template extent<C>().value);
}

// Means and squares of all slices, in the workspace.
template <class T>
const float* sum_slices(Cuda place, const BatchNormStatistics<T>& args, const ColumnSlices& slices) {
  float* partial = workspace_as<float>("batch norm statistics", args.workspace,
                                       workspace_bytes(place, args) / sizeof(float));
  const auto run = [&]<int n> {
    launch("batch_norm_moments_of_slices", moments_of_slices_kernel<T, n>, column_shape(slices, n), place,
           args.x.data(), slices, partial);
  };
  dispatch_pack<T>(slices.channels, run, args.x.data());
  return partial;
}

// Args: BatchNormFold or BatchNormTraining.
template <class Args>
FoldPointers fold_pointers(const Args& args) {
  return {args.gamma.data(), args.bias.data(), args.rstd.data(), args.scale.data(), args.shift.data()};
}

}  // namespace

template <class T>
void batch_norm(Cuda place, const BatchNormStatistics<T>& args) {
  check(args);
  const ColumnSlices slices = slices_of(args);
  const float* partial = sum_slices(place, args, slices);
  launch("batch_norm_finish_moments", finish_moments_kernel<T>, finish_shape(slices.channels), place,
         args.x.data(), partial, slices, args.mean.data(), args.variance.data());
}

template <class T>
void batch_norm(Cuda place, const BatchNormTraining<T>& args) {
  check(args);
  const auto statistics = detail::statistics_of(args);
  const ColumnSlices slices = slices_of(statistics);
  const auto rows = static_cast<float>(slices.rows), others = static_cast<float>(slices.rows - 1);
  const TrainingPointers to{.mean = args.mean.data(),
                            .variance = args.variance.data(),
                            .fold = fold_pointers(args),
                            .eps = args.eps,
                            .batch_mean = args.batch_mean.data(),
                            .batch_variance = args.batch_variance.data(),
                            .share = args.share,
                            .unbiased = args.share * rows / others,
                            .adds = args.accumulate != 0};
  if (args.has_statistics) {
    return launch("batch_norm_finish_given", finish_given_kernel, flat_shape(slices.channels, 1), place, to,
                  slices.channels);
  }
  const float* partial = sum_slices(place, statistics, slices);
  launch("batch_norm_finish_training", finish_training_kernel<T>, finish_shape(slices.channels), place,
         args.x.data(), partial, slices, to);
}

template <class T>
std::size_t workspace_bytes(Cuda place, const BatchNormTraining<T>& args) {
  return args.has_statistics ? 0 : workspace_bytes(place, detail::statistics_of(args));
}

template <class T>
std::size_t workspace_bytes(Cuda, const BatchNormStatistics<T>& args) {
  const ColumnSlices slices = slices_of(args);
  return static_cast<std::size_t>(2 * slices.count * slices.channels) * sizeof(float);
}

template <class T>
void batch_norm(Cuda place, const BatchNormFold<T>& args) {
  check(args);
  const std::int64_t channels = args.mean.size();
  launch("batch_norm_fold", fold_kernel, flat_shape(channels, 1), place, args.mean.data(),
         args.variance.data(), fold_pointers(args), args.eps, channels);
}

template <class T>
void batch_norm(Cuda place, const RunningUpdate<T>& args) {
  check(args);
  launch("batch_norm_running", running_kernel, flat_shape(args.batch.size(), 1), place, args.batch.data(),
         args.momentum, args.running.data(), args.applies, args.batch.size());
}

#define CF_INSTANTIATE(T)                                                  \
  template void batch_norm(Cuda, const BatchNormStatistics<T>&);           \
  template void batch_norm(Cuda, const BatchNormFold<T>&);                 \
  template void batch_norm(Cuda, const BatchNormTraining<T>&);             \
  template std::size_t workspace_bytes(Cuda, const BatchNormTraining<T>&); \
  template std::size_t workspace_bytes(Cuda, const BatchNormStatistics<T>&)

CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

template void batch_norm(Cuda, const RunningUpdate<float>&);

}  // namespace cf::kernels
