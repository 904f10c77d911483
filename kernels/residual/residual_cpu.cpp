#include <algorithm>

#include "kernels/base/parallel.h"
#include "kernels/residual/residual.h"
#include "kernels/residual/residual_check.h"

namespace cf::kernels {

namespace {

// Rows are pixels: a run of rows that lie in one sample, and where the sample's branch is.
struct RowRun {
  std::int64_t first, last;    // rows of the sum
  std::int64_t branch_offset;  // row of the branch minus row of the sum
  bool is_kept;
};

// Splits the rows [first, last) of the sum at samples. body(RowRun) in ascending order.
template <class Body>
void for_each_run(const View<const std::int64_t, N>& kept, std::int64_t rows_per_sample, std::int64_t first,
                  std::int64_t last, const Body& body) {
  if (!kept) return body(RowRun{first, last, 0, true});
  const std::int64_t* next = std::lower_bound(kept.begin(), kept.end(), first / rows_per_sample);
  while (first < last) {
    const std::int64_t sample = first / rows_per_sample;
    const std::int64_t end = std::min(last, (sample + 1) * rows_per_sample);
    const bool is_kept = next != kept.end() && *next == sample;
    const std::int64_t branch_sample = next - kept.begin();
    body(RowRun{first, end, (branch_sample - sample) * rows_per_sample, is_kept});
    if (is_kept) ++next;
    first = end;
  }
}

template <class T>
std::int64_t rows_per_sample(const View<T, N, H, W, C>& x) {
  return x.template extent<H>().value * x.template extent<W>().value;
}

void add_row(const float* x, const float* branch, const float* __restrict__ scale,
             const float* __restrict__ shift, float factor, float* y, std::int64_t channels) {
  for (std::int64_t c = 0; c < channels; ++c) y[c] = x[c] + factor * (scale[c] * branch[c] + shift[c]);
}

constexpr std::int64_t kGrain = 16;  // rows

double nanoseconds_of_row(std::int64_t channels) { return 0.5 * static_cast<double>(channels); }

}  // namespace

void residual(Cpu place, const ResidualSum<float>& args) {
  check(args);
  const std::int64_t channels = args.x.extent<C>().value;
  const std::int64_t per_sample = rows_per_sample(args.x);
  const float* x = args.x.data();
  const float* branch = args.branch.data();
  float* y = args.y.data();
  parallel(place, per_sample * args.x.extent<N>().value, kGrain, nanoseconds_of_row(channels),
           [&](std::int64_t first, std::int64_t last) {
             for_each_run(args.kept, per_sample, first, last, [&](const RowRun& run) {
               if (!run.is_kept) {
                 if (x != y)
                   std::copy(x + run.first * channels, x + run.last * channels, y + run.first * channels);
                 return;
               }
               for (std::int64_t row = run.first; row < run.last; ++row) {
                 add_row(x + row * channels, branch + (row + run.branch_offset) * channels, args.scale.data(),
                         args.shift.data(), args.factor, y + row * channels, channels);
               }
             });
           });
}

void residual(Cpu place, const GatherSamples<float>& args) {
  check(args);
  const std::int64_t channels = args.x.extent<C>().value;
  const std::int64_t per_sample = rows_per_sample(args.x);
  const float factor = args.factor;
  parallel(place, per_sample * args.x.extent<N>().value, kGrain, nanoseconds_of_row(channels),
           [&](std::int64_t first, std::int64_t last) {
             for_each_run(args.kept, per_sample, first, last, [&](const RowRun& run) {
               if (!run.is_kept) return;
               const float* x = args.x.data() + run.first * channels;
               float* y = args.y.data() + (run.first + run.branch_offset) * channels;
               const std::int64_t count = (run.last - run.first) * channels;
               for (std::int64_t i = 0; i < count; ++i) y[i] = factor * x[i];
             });
           });
}

void residual(Cpu place, const ScatterAddSamples<float>& args) {
  check(args);
  const std::int64_t channels = args.y.extent<C>().value;
  const std::int64_t per_sample = rows_per_sample(args.y);
  parallel(place, per_sample * args.y.extent<N>().value, kGrain, nanoseconds_of_row(channels),
           [&](std::int64_t first, std::int64_t last) {
             for_each_run(args.kept, per_sample, first, last, [&](const RowRun& run) {
               if (!run.is_kept) return;
               const float* x = args.x.data() + (run.first + run.branch_offset) * channels;
               float* y = args.y.data() + run.first * channels;
               const std::int64_t count = (run.last - run.first) * channels;
               for (std::int64_t i = 0; i < count; ++i) y[i] += x[i];
             });
           });
}

}  // namespace cf::kernels
