#include "framework/ops/gather_samples.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "framework/autograd/kept_samples.h"
#include "framework/autograd/record.h"
#include "kernels/base/philox.h"
#include "kernels/residual/residual.h"

namespace cf {

namespace {

struct GatherSamples {
  static constexpr const char* kName = "gather_samples";
  static constexpr bool kAdds = true;
  struct Saved {
    Shape shape;  // of x
    Tensor kept;
  };

  static Tensor forward(Saved& saved, Pass& pass, const Tensor& x, const Tensor& kept) {
    saved = {x.shape(), kept};
    Tensor y = pass.empty(x.dtype(), x.shape().with(kept.shape().extent<N>()));
    pass.executor().at(x.dtype(), [&]<class T>(auto place) {
      kernels::residual(place, kernels::GatherSamples<T>{.x = x.view<const T, N, H, W, C>(),
                                                         .kept = kept.view<const std::int64_t, N>(),
                                                         .factor = 1,
                                                         .y = y.view<T, N, H, W, C>()});
    });
    return y;
  }

  static Gradients<1> backward(const Saved& saved, Pass& pass, const Tensor& dy, Wanted<1>,
                               Gradients<1> so_far) {
    Tensor dx = gradient_to_add_to(pass, std::move(so_far[0]), dy.dtype(), saved.shape);
    pass.executor().at(dy.dtype(), [&]<class T>(auto place) {
      kernels::residual(place, kernels::ScatterAddSamples<T>{.x = dy.view<const T, N, H, W, C>(),
                                                             .kept = saved.kept.view<const std::int64_t, N>(),
                                                             .y = dx.view<T, N, H, W, C>()});
    });
    return {dx};
  }
};

// Writes as many different numbers below `bound` as `bytes` has room for (int64), ascending.
void draw_subset(Philox random, std::int64_t bound, std::span<std::byte> bytes) {
  // The first places of a Fisher-Yates shuffle.
  std::vector<std::int64_t> order(static_cast<std::size_t>(bound));
  std::iota(order.begin(), order.end(), 0);
  const auto count = static_cast<std::int64_t>(bytes.size() / sizeof(std::int64_t));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto j = i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(bound - i)));
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(j)]);
  }
  std::sort(order.begin(), order.begin() + count);
  std::memcpy(bytes.data(), order.data(), bytes.size());
}

}  // namespace

std::int64_t kept_samples(std::int64_t samples, float drop_probability) {
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(samples) * (1.0 - drop_probability)));
}

Tensor draw_kept_samples(Pass& pass, std::int64_t samples, float drop_probability) {
  CF_CHECK(drop_probability >= 0 && drop_probability < 1, "stochastic depth with probability ",
           drop_probability);
  if (!pass.training() || drop_probability == 0) return {};
  const std::uint64_t layer = pass.next_random_layer();
  const std::int64_t kept = kept_samples(samples, drop_probability);
  if (kept == samples) return {};

  const auto fill = [options = pass.options(), layer, samples](std::int64_t step,
                                                               std::span<std::byte> bytes) {
    const Philox random(options.seed, Purpose::StochasticDepth,
                        static_cast<std::uint64_t>(options.draw(step)), layer);
    draw_subset(random, samples, bytes);
  };
  return pass.input(DType::Int64, Shape(N{kept}), fill);
}

Variable gather_samples(Pass& pass, const Variable& x, const Tensor& kept) {
  return kept ? record<GatherSamples>(pass, inputs(x), kept) : x;
}

}  // namespace cf
