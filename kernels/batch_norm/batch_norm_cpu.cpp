// All loops run over memory row by row, a few rows at a time, with the channels in the vector lanes.
#include <algorithm>
#include <cmath>

#include "kernels/activation/activation_cpu.h"
#include "kernels/base/accumulate.h"
#include "kernels/base/independent_iterations.h"
#include "kernels/base/parallel.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/batch_norm_check.h"
#include "kernels/batch_norm/kept_rows.h"

namespace cf::kernels {

namespace {

// Rows that are taken together, for each vector of channels: their sums meet in registers before they are
// added to memory. Measured.
constexpr std::int64_t kSumRows = 8, kApplyRows = 4;

// Calls body<rows>(row) for the rows [first, last): kTogether at a time, the last ones singly.
template <std::int64_t kTogether, class Body>
void for_each_rows(std::int64_t first, std::int64_t last, const Body& body) {
  for (; first + kTogether <= last; first += kTogether) body.template operator()<kTogether>(first);
  for (; first < last; ++first) body.template operator()<std::int64_t{1}>(first);
}

// term(kFirst) + ... + term(kFirst + kCount - 1), added in pairs: short chains of additions.
template <std::int64_t kCount, std::int64_t kFirst = 0, class Term>
inline float sum_in_pairs(const Term& term) {
  if constexpr (kCount == 1) {
    return term(kFirst);
  } else {
    constexpr std::int64_t kHalf = kCount / 2;
    return sum_in_pairs<kHalf, kFirst>(term) + sum_in_pairs<kCount - kHalf, kFirst + kHalf>(term);
  }
}

// sums[c] += sum_r (x[r,c] - shift[c]);  squares[c] += sum_r (x[r,c] - shift[c])^2
//
// In floats about the first row, whose own distance from the mean bounds what cancels; in doubles about the
// shift. So the result is exact for a mean far above the deviation.
template <std::int64_t kCount>
void add_moments(const float* __restrict__ x, const float* __restrict__ shift, std::int64_t channels,
                 double* __restrict__ sums, double* __restrict__ squares) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const float first = x[c];
    const float sum = sum_in_pairs<kCount>([&](std::int64_t r) { return x[r * channels + c] - first; });
    const float square = sum_in_pairs<kCount>([&](std::int64_t r) {
      const float deviation = x[r * channels + c] - first;
      return deviation * deviation;
    });
    const float about_mean = square - sum * sum / kCount;
    const double mean = double{first} - double{shift[c]} + double{sum} / kCount;
    sums[c] += kCount * mean;
    squares[c] += double{about_mean} + kCount * (mean * mean);
  }
}

struct Channels {
  std::int64_t count;
  const float *mean, *rstd, *gamma, *bias;
};

// dbias[c] += sum_r dh[r,c];  dgamma[c] += rstd[c] sum_r dh[r,c] (x[r,c] - mean[c])
template <Activation kActivation, std::int64_t kCount>
void add_gradients(const float* __restrict__ x, const float* __restrict__ dy, const Channels& channels,
                   double* __restrict__ dbias, double* __restrict__ dgamma) {
  const std::int64_t count = channels.count;
  const float* __restrict__ mean = channels.mean;
  const float* __restrict__ rstd = channels.rstd;
  const float* __restrict__ gamma = channels.gamma;
  const float* __restrict__ bias = channels.bias;
  for (std::int64_t c = 0; c < count; ++c) {
    const float scale = gamma[c] * rstd[c];
    const auto deviation = [&](std::int64_t r) { return x[r * count + c] - mean[c]; };
    const auto dh = [&](std::int64_t r) {
      return activation_gradient<kActivation>(scale * deviation(r) + bias[c], dy[r * count + c]);
    };
    const float sum = sum_in_pairs<kCount>(dh);
    const float product = sum_in_pairs<kCount>([&](std::int64_t r) { return dh(r) * deviation(r); });
    dbias[c] += sum;
    dgamma[c] += product * rstd[c];
  }
}

// dx = scale dh + slope (x - mean) + offset, where scale = gamma rstd, slope = - scale rstd dgamma / M and
// offset = - scale dbias / M
struct InputGradient {
  const float *scale, *slope, *offset;
};

template <Activation kActivation, std::int64_t kCount>
void input_gradient(const float* __restrict__ x, const float* dy, const Channels& channels,
                    const InputGradient& coefficients, float* dx) {
  const float* __restrict__ mean = channels.mean;
  const float* __restrict__ bias = channels.bias;
  const float* __restrict__ scale = coefficients.scale;
  const float* __restrict__ slope = coefficients.slope;
  const float* __restrict__ offset = coefficients.offset;
  const std::int64_t count = channels.count;
  CF_INDEPENDENT_ITERATIONS
  for (std::int64_t c = 0; c < count; ++c) {  // dx may be dy: an element is read before it is written
#pragma GCC unroll 8
    for (std::int64_t r = 0; r < kCount; ++r) {
      const float deviation = x[r * count + c] - mean[c];
      const float dh = activation_gradient<kActivation>(scale[c] * deviation + bias[c], dy[r * count + c]);
      dx[r * count + c] = scale[c] * dh + (slope[c] * deviation + offset[c]);
    }
  }
}

constexpr std::int64_t kRowsPerSlice = 64;  // shortest slice of M summed on its own

// Two sums per channel and slice.
template <class Args>
std::size_t sums_count(const Args& args) {
  const auto rows = args.x.template extent<M>().value, channels = args.x.template extent<C>().value;
  return static_cast<std::size_t>(2 * channels * sum_slices(rows, kRowsPerSlice));
}

double nanoseconds_of_row(std::int64_t channels) { return 0.5 * static_cast<double>(channels); }

// Calls body(first row, last row, sums, more sums) for each slice of the rows, with its own zeroed sums per
// channel, then adds the sums of all slices, in order, to those of the first.
template <class Body>
void reduce_rows(Cpu place, std::int64_t rows, std::int64_t channels, double* sums, const Body& body) {
  const int slices = sum_slices(rows, kRowsPerSlice);
  const auto visit = [&](int slice, std::int64_t first, std::int64_t last) {
    double* own = sums + 2 * channels * slice;
    std::fill(own, own + 2 * channels, 0.0);
    body(first, last, own, own + channels);
  };
  parallel_slices(place, rows, slices, nanoseconds_of_row(channels), visit);
  for (int slice = 1; slice < slices; ++slice) {
    const double* other = sums + 2 * channels * slice;
    for (std::int64_t i = 0; i < 2 * channels; ++i) sums[i] += other[i];
  }
}

template <Activation kActivation>
void backward(Cpu place, const BatchNormBackward<float>& args) {
  const std::int64_t rows = args.x.extent<M>().value, count = args.x.extent<C>().value;
  const Channels channels{count, args.mean.data(), args.rstd.data(), args.gamma.data(), args.bias.data()};
  double* sums = workspace_as<double>("batch norm backward", args.workspace, sums_count(args));
  float* scale = workspace_as<float>("batch norm backward", args.workspace,
                                     3 * static_cast<std::size_t>(count), 2 * sums_count(args));
  float* slope = scale + count;
  float* offset = slope + count;

  reduce_rows(
      place, rows, count, sums, [&](std::int64_t first, std::int64_t last, double* dbias, double* dgamma) {
        for_each_rows<kSumRows>(first, last, [&]<std::int64_t kCount>(std::int64_t row) {
          add_gradients<kActivation, kCount>(args.x.at(M{row}), args.dy.at(M{row}), channels, dbias, dgamma);
        });
      });
  for (std::int64_t c = 0; c < count; ++c) {
    const double dbias = sums[c], dgamma = sums[count + c];
    const double factor = double{channels.gamma[c]} * double{channels.rstd[c]};
    scale[c] = static_cast<float>(factor);
    slope[c] = static_cast<float>(-factor * double{channels.rstd[c]} * dgamma / static_cast<double>(rows));
    offset[c] = static_cast<float>(-factor * dbias / static_cast<double>(rows));
    accumulate_into(args.dgamma(C{c}), args.accumulate, static_cast<float>(dgamma));
    accumulate_into(args.dbias(C{c}), args.accumulate, static_cast<float>(dbias));
  }
  parallel(place, rows, kApplyRows, nanoseconds_of_row(count), [&](std::int64_t first, std::int64_t last) {
    for_each_rows<kApplyRows>(first, last, [&]<std::int64_t kCount>(std::int64_t row) {
      const M m{row};
      input_gradient<kActivation, kCount>(args.x.at(m), args.dy.at(m), channels, {scale, slope, offset},
                                          args.dx.at(m));
    });
  });
}

}  // namespace

void batch_norm(Cpu place, const BatchNormStatistics<float>& args) {
  check(args);
  const std::int64_t rows = args.x.extent<M>().value, channels = args.x.extent<C>().value;
  double* sums = workspace_as<double>("batch norm statistics", args.workspace, sums_count(args));
  const float* shift = args.x.data();
  reduce_rows(place, rows, channels, sums,
              [&](std::int64_t first, std::int64_t last, double* own_sums, double* own_squares) {
                for_each_rows<kSumRows>(first, last, [&]<std::int64_t kCount>(std::int64_t row) {
                  add_moments<kCount>(args.x.at(M{row}), shift, channels, own_sums, own_squares);
                });
              });
  for (const C c : range(C{channels})) {
    const double offset = sums[c.value] / static_cast<double>(rows);
    const double square = sums[channels + c.value] / static_cast<double>(rows);
    args.mean(c) = static_cast<float>(double{shift[c.value]} + offset);
    const double variance = square - offset * offset;
    args.variance(c) = static_cast<float>(variance < 0 ? 0 : variance);  // NaN stays NaN
  }
}

void batch_norm(Cpu place, const BatchNormApply<float>& args) {
  check(args);
  const std::int64_t channels = args.x.extent<C>().value;
  const float* scale = args.scale.data();
  const float* shift = args.shift.data();
  dispatch_activation(args.activation, [&]<Activation kActivation> {
    parallel(place, args.x.extent<M>().value, kApplyRows, nanoseconds_of_row(channels),
             [&](std::int64_t first, std::int64_t last) {
               for (M m{first}; m < M{last}; ++m) {
                 const float* x = args.x.at(m);
                 float* y = args.y.at(m);
                 CF_INDEPENDENT_ITERATIONS
                 for (std::int64_t c = 0; c < channels; ++c)
                   y[c] = activate<kActivation>(scale[c] * x[c] + shift[c]);
               }
             });
  });
}

void batch_norm(Cpu place, const BatchNormBackward<float>& given) {
  check(given);
  const auto args = detail::with_kept_rows(place, given);
  dispatch_activation(args.activation, [&]<Activation kActivation> { backward<kActivation>(place, args); });
}

void batch_norm(Cpu place, const BatchNormTraining<float>& args) {
  check(args);
  detail::run_parts(place, args);
}

// A few numbers per channel: the straight loops are as good as any.
void batch_norm(Cpu, const BatchNormFold<float>& args) { batch_norm(Reference{}, args); }
void batch_norm(Cpu, const RunningUpdate<float>& args) { batch_norm(Reference{}, args); }

std::size_t workspace_bytes(Cpu, const BatchNormStatistics<float>& args) {
  return sums_count(args) * sizeof(double);
}

std::size_t workspace_bytes(Cpu place, const BatchNormTraining<float>& args) {
  return args.has_statistics ? 0 : workspace_bytes(place, detail::statistics_of(args));
}

std::size_t workspace_bytes(Cpu, const BatchNormBackward<float>& args) {
  const auto channels = static_cast<std::size_t>(args.x.extent<C>().value);
  return detail::kept_rows_bytes(args) + sums_count(args) * sizeof(double) + 3 * channels * sizeof(float);
}

}  // namespace cf::kernels
