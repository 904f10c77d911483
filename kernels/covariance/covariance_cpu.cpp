#include <algorithm>

#include "kernels/base/parallel.h"
#include "kernels/covariance/covariance.h"
#include "kernels/covariance/covariance_check.h"
#include "kernels/gemm/small_gemm.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kRowsPerSlice = 64;  // shortest slice of M summed on its own
constexpr std::int64_t kRowsPerBlock = 96;  // of the backward pass: full tiles of the products

// Partial sums of one slice of M: products with padded rows, then sums.
struct Slices {
  int count;
  std::int64_t channels, stride, floats;

  explicit Slices(const Covariance<float>& a)
      : count(sum_slices(a.x.extent<M>().value, kRowsPerSlice)),
        channels(a.x.extent<C>().value),
        stride(transposed_stride(channels)),
        floats(channels * stride + channels) {}
};

double nanoseconds_of_row(std::int64_t channels) {
  return static_cast<double>(channels * channels) / kMultipliesPerNanosecond;
}

void sum_slice(const Covariance<float>& a, std::int64_t first, std::int64_t last, float* products,
               float* sums) {
  const std::int64_t channels = a.x.extent<C>().value;
  std::fill(products, sums + channels, 0.0F);
  const float* x = a.x.at(M{first});
  add_transposed_product({.a = x,
                          .a_columns = channels,
                          .b = x,
                          .b_columns = channels,
                          .b_stride = channels,
                          .b_end = a.x.end()},
                         last - first, products);
  for (std::int64_t m = first; m < last; ++m) {
    const float* row = a.x.at(M{m});
    for (std::int64_t c = 0; c < channels; ++c) sums[c] += row[c];
  }
}

std::int64_t packed_floats(const CovarianceBackward<float>& a) {
  const std::int64_t channels = a.x.extent<C>().value;
  return packed_size(channels, channels);
}

// slope[c,k] = 2 / M dcovariance, bias[c] = dmean[c] / M - sum_k slope[c,k] mean[k]; `buffer` holds both.
void pack(const CovarianceBackward<float>& a, float* buffer, float* packed) {
  const std::int64_t channels = a.x.extent<C>().value;
  const double count = static_cast<double>(a.x.extent<M>().value);
  float* bias = buffer + channels * channels;
  for (const C c : range(C{channels})) {
    double offset = double{a.dmean(c)} / count;
    for (const K k : range(K{channels})) {
      const double slope = 2 / count * double{a.dcovariance(c, k)};
      buffer[c.value * channels + k.value] = static_cast<float>(slope);
      offset -= slope * double{a.mean(C{k.value})};
    }
    bias[c.value] = static_cast<float>(offset);
  }
  pack_matrix({buffer, 1, channels, bias}, channels, channels, packed);
}

std::size_t workspace_floats(Cpu place, const CovarianceBackward<float>& a) {
  const std::int64_t channels = a.x.extent<C>().value;
  return static_cast<std::size_t>(packed_floats(a) + channels * channels + channels +
                                  part_count(place) * kRowsPerBlock * channels);
}

}  // namespace

void covariance(Cpu place, const Covariance<float>& a) {
  check(a);
  const Slices slices(a);
  const std::int64_t channels = slices.channels;
  float* partial =
      workspace_as<float>("covariance", a.workspace, static_cast<std::size_t>(slices.count * slices.floats));
  parallel_slices(place, a.x.extent<M>().value, slices.count, nanoseconds_of_row(channels),
                  [&](int slice, std::int64_t first, std::int64_t last) {
                    float* products = partial + slice * slices.floats;
                    sum_slice(a, first, last, products, products + channels * slices.stride);
                  });
  add_slices({partial, slices.count, slices.floats, channels, channels, slices.stride}, 0,
             a.covariance.data());
  add_slices({partial + channels * slices.stride, slices.count, slices.floats, 1, channels, channels}, 0,
             a.mean.data());
  const float share = 1 / static_cast<float>(a.x.extent<M>().value);
  for (const C c : range(C{channels})) a.mean(c) *= share;
  for (const C c : range(C{channels})) {
    for (const K k : range(K{channels})) {
      float& value = a.covariance(c, k);
      value = value * share - a.mean(c) * a.mean(C{k.value});
      if (c.value == k.value && value < 0) value = 0;  // by rounding; NaN stays NaN
    }
  }
}

void covariance(Cpu place, const CovarianceBackward<float>& a) {
  check(a);
  const std::int64_t rows = a.x.extent<M>().value, channels = a.x.extent<C>().value;
  float* packed = workspace_as<float>("covariance backward", a.workspace, workspace_floats(place, a));
  float* slope = packed + packed_floats(a);
  float* buffers = slope + channels * channels + channels;
  pack(a, slope, packed);
  parallel_parts(
      place, rows, kRowsPerBlock, nanoseconds_of_row(channels),
      [&](int part, std::int64_t first, std::int64_t last) {
        float* product = buffers + part * kRowsPerBlock * channels;
        for (std::int64_t row = first; row < last; row += kRowsPerBlock) {
          const std::int64_t count = std::min(kRowsPerBlock, last - row);
          multiply_rows({a.x.at(M{row}), channels, packed, channels, channels, product, channels}, count);
          float* dx = a.dx.at(M{row});
          for (std::int64_t i = 0; i < count * channels; ++i) dx[i] += product[i];
        }
      });
}

std::size_t workspace_bytes(Cpu, const Covariance<float>& a) {
  const Slices slices(a);
  return sizeof(float) * static_cast<std::size_t>(slices.count * slices.floats);
}

std::size_t workspace_bytes(Cpu place, const CovarianceBackward<float>& a) {
  return sizeof(float) * workspace_floats(place, a);
}

}  // namespace cf::kernels
