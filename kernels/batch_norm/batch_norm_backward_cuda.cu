// Two reductions over the rows, their finish, and one pass that writes dx.
#include "kernels/activation/activation.cuh"
#include "kernels/activation/dispatch_activation.h"
#include "kernels/base/divisor.h"
#include "kernels/base/elementwise.cuh"
#include "kernels/batch_norm/backward_parts.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/batch_norm_check.h"
#include "kernels/batch_norm/column_slices.cuh"

namespace cf::kernels {

namespace {

struct ChannelPointers {
  const float *mean, *rstd, *gamma, *bias;
};

// scale = gamma rstd, slope = - scale rstd dgamma / M and offset = - scale dbias / M.
using detail::BatchNormCoefficients;

// Where the gradient that belongs to a row of x lies, and how often it counts.
struct EveryRow {
  __device__ std::int64_t at(std::int64_t row) const { return row; }
  __device__ float scaled(float gradient) const { return gradient; }
};
struct RowsOfKept {
  const std::int64_t* kept;
  Divisor pixels;
  float factor;

  __device__ std::int64_t at(std::int64_t row) const {
    const int i = pixels.quotient(static_cast<int>(row));
    return row + (kept[i] - i) * pixels.value();
  }
  __device__ float scaled(float gradient) const { return factor * gradient; }
};

struct GradientSums {
  float dh, dh_deviation;

  __device__ void join(const GradientSums& other) {
    dh += other.dh;
    dh_deviation += other.dh_deviation;
  }
};

// partial[slice, c] of every slice: sum dh, then, behind all of those, sum dh (x - mean).
template <class T, Activation kActivation, int n, class Rows>
__global__ void __launch_bounds__(kColumnThreads, 3)
    gradient_sums_of_slices_kernel(const T* x, const T* dy, Rows rows_of_dy, ChannelPointers channels,
                                   ColumnSlices slices, float* partial) {
  const ColumnTile tile = column_tile<n>(slices);
  GradientSums sums[n] = {};
  if (tile.has_channels) {
    float mean[n], scale[n], rstd[n], bias[n];
    load_floats(channels.mean + tile.channel, mean);
    load_floats(channels.rstd + tile.channel, rstd);
    load_floats(channels.gamma + tile.channel, scale);
    load_floats(channels.bias + tile.channel, bias);
#pragma unroll
    for (int j = 0; j < n; ++j) scale[j] *= rstd[j];
#pragma unroll 4
    for (std::int64_t row = tile.first_row; row < tile.last_row; row += blockDim.y) {
      const auto inputs = load_pack<T, n>(x + row * slices.channels + tile.channel);
      const auto gradients = load_pack<T, n>(dy + rows_of_dy.at(row) * slices.channels + tile.channel);
#pragma unroll
      for (int j = 0; j < n; ++j) {
        const float deviation = to_float(inputs.value[j]) - mean[j];
        const float dh = device::activation_gradient<kActivation>(
            scale[j] * deviation + bias[j], rows_of_dy.scaled(to_float(gradients.value[j])));
        sums[j].join({dh, dh * deviation});
      }
    }
  }
  join_rows_of_block(sums);
  if (threadIdx.y != 0 || !tile.has_channels) return;
  float* own = partial + tile.slice * slices.channels + tile.channel;
#pragma unroll
  for (int j = 0; j < n; ++j) {
    own[j] = sums[j].dh;
    own[slices.count * slices.channels + j] = sums[j].dh_deviation;
  }
}

// The gradients of the parameters, and the coefficients of dx, which take this call's sums alone.
__global__ void __launch_bounds__(kFinishThreads)
    finish_gradients_kernel(const float* partial, ColumnSlices slices, ChannelPointers channels,
                            BatchNormCoefficients coefficients, float accumulate, float* dgamma,
                            float* dbias) {
  const std::int64_t c = finish_channel();
  const float* products = partial + slices.count * slices.channels;
  float sums[] = {0, 0};  // dh, dh (x - mean)
  if (c < slices.channels) {
#pragma unroll 8
    for (std::int64_t slice = threadIdx.y; slice < slices.count; slice += kFinishLanes) {
      sums[0] += partial[slice * slices.channels + c];
      sums[1] += products[slice * slices.channels + c];
    }
  }
  add_finish_lanes(sums);
  if (threadIdx.y != 0 || c >= slices.channels) return;
  const float rstd = channels.rstd[c], sum_dh = sums[0], sum_dh_xhat = sums[1] * rstd;
  const float scale = channels.gamma[c] * rstd, count = static_cast<float>(slices.rows);
  coefficients.scale[c] = scale;
  coefficients.slope[c] = -scale * rstd * sum_dh_xhat / count;
  coefficients.offset[c] = -scale * sum_dh / count;
  dgamma[c] = accumulate == 0 ? sum_dh_xhat : accumulate * dgamma[c] + sum_dh_xhat;
  dbias[c] = accumulate == 0 ? sum_dh : accumulate * dbias[c] + sum_dh;
}

template <class T, Activation kActivation, int n, class Rows>
__global__ void __launch_bounds__(kElementwiseThreads)
    input_gradient_kernel(const T* x, const T* dy, Rows rows_of_dy, ChannelPointers channels,
                          BatchNormCoefficients coefficients, T* dx, std::int64_t rows,
                          std::int64_t channel_count) {
  const ChannelWalk walk = channel_walk<n>(channel_count, rows);
  float mean[n], bias[n], scale[n], slope[n], offset[n];
  load_floats(channels.mean + walk.channel, mean);
  load_floats(channels.bias + walk.channel, bias);
  load_floats(coefficients.scale + walk.channel, scale);
  load_floats(coefficients.slope + walk.channel, slope);
  load_floats(coefficients.offset + walk.channel, offset);
  for (std::int64_t row = walk.first_row; row < rows; row += walk.stride) {
    const std::int64_t first = row * channel_count + walk.channel;
    const auto inputs = load_pack<T, n>(x + first);
    auto pack = load_pack<T, n>(dy + rows_of_dy.at(row) * channel_count + walk.channel);
#pragma unroll
    for (int j = 0; j < n; ++j) {
      const float deviation = to_float(inputs.value[j]) - mean[j];
      const float dh = device::activation_gradient<kActivation>(scale[j] * deviation + bias[j],
                                                                rows_of_dy.scaled(to_float(pack.value[j])));
      pack.value[j] = from_float<T>(scale[j] * dh + (slope[j] * deviation + offset[j]));
    }
    store_pack(dx + first, pack);
  }
}

template <class T>
ColumnSlices slices_of(const BatchNormBackward<T>& args) {
  return column_slices(args.x.template extent<M>().value, args.x.template extent<C>().value);
}

template <class T>
ChannelPointers channel_pointers(const BatchNormBackward<T>& args) {
  return {args.mean.data(), args.rstd.data(), args.gamma.data(), args.bias.data()};
}

// From the slices' sums; the coefficients go to 3 C floats from `memory` on.
template <class T>
BatchNormCoefficients finish_gradients(Cuda place, const BatchNormBackward<T>& args,
                                       const ColumnSlices& slices, const float* partial, float* memory) {
  const std::int64_t count = slices.channels;
  const BatchNormCoefficients coefficients{memory, memory + count, memory + 2 * count};
  launch("batch_norm_finish_gradients", finish_gradients_kernel, finish_shape(count), place, partial, slices,
         channel_pointers(args), coefficients, args.accumulate, args.dgamma.data(), args.dbias.data());
  return coefficients;
}

// What follows from the slices' sums.
template <class T, Activation kActivation, int n, class Rows>
void finish(Cuda place, const BatchNormBackward<T>& args, const Rows& rows_of_dy, const ColumnSlices& slices,
            const float* partial, float* memory) {
  const std::int64_t rows = slices.rows, count = slices.channels;
  const BatchNormCoefficients coefficients = finish_gradients(place, args, slices, partial, memory);
  launch("batch_norm_input_gradient", input_gradient_kernel<T, kActivation, n, Rows>,
         {.grid = dim3(channel_walk_blocks(rows, count, n)), .block = dim3(kElementwiseThreads)}, place,
         args.x.data(), args.dy.data(), rows_of_dy, channel_pointers(args), coefficients, args.dx.data(),
         rows, count);
}

template <class T, class Body>
void dispatch_channels(const BatchNormBackward<T>& args, const float* memory, const Body& body) {
  dispatch_pack<T>(args.x.template extent<C>().value, body, args.x.data(), args.dy.data(), args.dx.data(),
                   args.mean.data(), args.rstd.data(), args.gamma.data(), args.bias.data(), memory);
}

template <class T, Activation kActivation, class Rows>
void run(Cuda place, const BatchNormBackward<T>& args, const Rows& rows_of_dy) {
  const ColumnSlices slices = slices_of(args);
  float* partial = workspace_as<float>("batch norm backward", args.workspace,
                                       workspace_bytes(place, args) / sizeof(float));
  dispatch_channels(args, partial, [&]<int n> {
    launch("batch_norm_gradient_sums_of_slices", gradient_sums_of_slices_kernel<T, kActivation, n, Rows>,
           column_shape(slices, n), place, args.x.data(), args.dy.data(), rows_of_dy, channel_pointers(args),
           slices, partial);
    finish<T, kActivation, n>(place, args, rows_of_dy, slices, partial,
                              partial + 2 * slices.count * slices.channels);
  });
}

}  // namespace

// That kept is ascending and in range is the caller's to ensure: it is in device memory.
template <class T>
void batch_norm(Cuda place, const BatchNormBackward<T>& args) {
  check(args);
  if (args.x.size() == 0) return;
  if (args.kept) {
    constexpr std::int64_t kMostRows = std::int64_t{1} << 31;
    const std::int64_t rows = args.x.template extent<M>().value;
    CF_CHECK(rows < kMostRows, "batch norm backward: ", rows,
             " rows of kept samples are too many for the GPU");
    const Divisor pixels(static_cast<int>(rows / args.kept.size()));
    run<T, Activation::None>(place, args, RowsOfKept{args.kept.data(), pixels, args.factor});
    return;
  }
  dispatch_activation(args.activation,
                      [&]<Activation kActivation> { run<T, kActivation>(place, args, EveryRow{}); });
}

namespace {

template <class T>
ColumnSlices slices_of_given(const BatchNormBackward<T>& args, std::int64_t parts) {
  return {args.x.template extent<M>().value, args.x.template extent<C>().value, parts, 0};
}

template <class T>
float* memory_of_coefficients(const BatchNormBackward<T>& args) {
  return workspace_as<float>("batch norm backward", args.workspace,
                             3 * static_cast<std::size_t>(args.mean.size()));
}

}  // namespace

template <class T>
void detail::batch_norm_backward_from_sums(Cuda place, const BatchNormBackward<T>& args, const float* partial,
                                           std::int64_t parts) {
  float* const memory = memory_of_coefficients(args);
  dispatch_activation(args.activation, [&]<Activation kActivation> {
    dispatch_channels(args, memory, [&]<int n> {
      finish<T, kActivation, n>(place, args, EveryRow{}, slices_of_given(args, parts), partial, memory);
    });
  });
}

template <class T>
detail::BatchNormCoefficients detail::batch_norm_coefficients_from_sums(Cuda place,
                                                                        const BatchNormBackward<T>& args,
                                                                        const float* partial,
                                                                        std::int64_t parts) {
  return finish_gradients(place, args, slices_of_given(args, parts), partial, memory_of_coefficients(args));
}

template <class T>
std::size_t workspace_bytes(Cuda, const BatchNormBackward<T>& args) {
  const ColumnSlices slices = slices_of(args);
  return static_cast<std::size_t>((2 * slices.count + 3) * slices.channels) * sizeof(float);
}

#define CF_INSTANTIATE(T)                                      \
  template void batch_norm(Cuda, const BatchNormBackward<T>&); \
  template std::size_t workspace_bytes(Cuda, const BatchNormBackward<T>&)

CF_INSTANTIATE(float);
CF_INSTANTIATE(Half);
CF_INSTANTIATE(BFloat16);

#undef CF_INSTANTIATE

template void detail::batch_norm_backward_from_sums(Cuda, const BatchNormBackward<Half>&, const float*,
                                                    std::int64_t);
template void detail::batch_norm_backward_from_sums(Cuda, const BatchNormBackward<BFloat16>&, const float*,
                                                    std::int64_t);
template detail::BatchNormCoefficients detail::batch_norm_coefficients_from_sums(
    Cuda, const BatchNormBackward<Half>&, const float*, std::int64_t);
template detail::BatchNormCoefficients detail::batch_norm_coefficients_from_sums(
    Cuda, const BatchNormBackward<BFloat16>&, const float*, std::int64_t);

}  // namespace cf::kernels
