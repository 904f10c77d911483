#include <cmath>

#include "kernels/all_cases.h"
#include "kernels/grouped_conv/grouped_conv.h"
#include "kernels/mbconv_forward/mbconv_forward.h"

namespace cf::kernels {

namespace {

struct Problem {
  std::int64_t n, h, w, channels, expansion;
  Activation activation = Activation::Relu;
  bool portable = false;
  int sm_limit = 0;  // 1: as where there is much to do for each multiprocessor
  std::int64_t slice_bytes = 0;
  bool benchmark_only = false;

  std::int64_t hidden() const { return expansion * channels; }
  std::int64_t squeezed() const { return channels / 4; }  // as layers/mbconv.h has it
  std::string shape() const {
    return concat(" N=", n, " H=", h, " W=", w, " C=", channels, " E=", hidden(), " ", name_of(activation));
  }
  std::string cuda_variant() const {
    return concat(portable ? " portable" : "", sm_limit == 0 ? "" : " one SM",
                  slice_bytes == 0 ? "" : concat(" slices of ", slice_bytes / 1000, " KB"));
  }
  double flops() const {
    const auto of_pixel = static_cast<double>(hidden() * (2 * channels + 9 * kGroupWidth));
    const auto of_sample = static_cast<double>(2 * hidden() * squeezed());
    return 2.0 * static_cast<double>(n) * (static_cast<double>(h * w) * of_pixel + of_sample);
  }
};

// Draws keep t, u and the branch near deviation 1 at any width, and the gates apart.
Case forward(const Problem& p) {
  const std::int64_t filter = 9 * kGroupWidth, hidden = p.hidden(), squeezed = p.squeezed();
  const auto fan_in = [](double gain, std::int64_t terms) {
    return normal(0, gain / std::sqrt(static_cast<double>(terms)));
  };
  Case result("mbconv/forward" + p.shape(), p.cuda_variant(), p.channels + filter + hidden);
  const auto x = result.input("x", normal(0.3, 1), N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  const auto expand = result.input("expand", fan_in(1.4, p.channels), E{hidden}, C{p.channels});
  const auto expand_bias = result.input<Element::WideT>("expand_bias", normal(0.2, 0.5), E{hidden});
  const auto conv = result.input("conv", fan_in(1.4, filter), K{hidden}, R{3}, S{3}, C{kGroupWidth});
  const auto conv_bias = result.input<Element::WideT>("conv_bias", normal(0, 0.5), E{hidden});
  const auto squeeze = result.input("squeeze", fan_in(2, hidden), D{squeezed}, E{hidden});
  const auto squeeze_bias = result.input<Element::WideT>("squeeze_bias", normal(0.3, 0.5), D{squeezed});
  const auto excite = result.input("excite", fan_in(2, squeezed), E{hidden}, D{squeezed});
  const auto excite_bias = result.input<Element::WideT>("excite_bias", normal(0, 1), E{hidden});
  const auto project = result.input("project", fan_in(2, hidden), C{p.channels}, E{hidden});
  const auto project_bias = result.input<Element::WideT>("project_bias", normal(0, 0.5), C{p.channels});
  const auto y = result.output("y", N{p.n}, H{p.h}, W{p.w}, C{p.channels});
  result.flops = p.flops();
  result.benchmark_only = p.benchmark_only;
  result.runs_on_cuda_in_16_bits([=, activation = p.activation, portable = p.portable, sm_limit = p.sm_limit,
                                  slice_bytes = p.slice_bytes](auto place, const auto& t) {
    using T = ElementOf<decltype(t)>;
    if constexpr (std::is_same_v<decltype(place), Cuda>) place.sm_limit = sm_limit;
    mbconv(place, t.with_workspace(place, MBConvForward<T>{.x = t(x),
                                                           .expand = t(expand),
                                                           .expand_bias = t(expand_bias),
                                                           .conv = t(conv),
                                                           .conv_bias = t(conv_bias),
                                                           .squeeze = t(squeeze),
                                                           .squeeze_bias = t(squeeze_bias),
                                                           .excite = t(excite),
                                                           .excite_bias = t(excite_bias),
                                                           .project = t(project),
                                                           .project_bias = t(project_bias),
                                                           .activation = activation,
                                                           .y = t(y),
                                                           .slice_bytes = slice_bytes,
                                                           .portable = portable}));
  });
  return result;
}

}  // namespace

std::vector<Case> mbconv_forward_cases() {
  const Problem problems[] = {
      {.n = 1, .h = 1, .w = 1, .channels = 8, .expansion = 2},
      {.n = 70, .h = 1, .w = 1, .channels = 16, .expansion = 3},
      {.n = 3, .h = 5, .w = 3, .channels = 24, .expansion = 5, .activation = Activation::Silu},
      {.n = 2, .h = 7, .w = 7, .channels = 64, .expansion = 4, .activation = Activation::HardSwish},
      {.n = 7, .h = 7, .w = 7, .channels = 64, .expansion = 4},
      // Few images: gates and second half in one kernel. With one multiprocessor they are not.
      {.n = 2, .h = 14, .w = 14, .channels = 64, .expansion = 2},
      {.n = 2, .h = 14, .w = 14, .channels = 64, .expansion = 2, .sm_limit = 1},
      {.n = 2, .h = 16, .w = 16, .channels = 32, .expansion = 2},
      {.n = 1, .h = 9, .w = 9, .channels = 160, .expansion = 4},
      {.n = 1, .h = 2, .w = 3, .channels = 512, .expansion = 4},
      {.n = 7, .h = 7, .w = 7, .channels = 64, .expansion = 4, .sm_limit = 1},
      // Rows that leave no room for the columns of the product behind the last image.
      {.n = 3, .h = 8, .w = 8, .channels = 64, .expansion = 2, .sm_limit = 1},
      {.n = 2, .h = 7, .w = 7, .channels = 288, .expansion = 2},
      {.n = 2, .h = 7, .w = 7, .channels = 288, .expansion = 2, .sm_limit = 1},
      // More weights in a turn than slots in the ring, turn after turn.
      {.n = 3, .h = 1, .w = 2, .channels = 768, .expansion = 1, .sm_limit = 1},
      {.n = 3, .h = 7, .w = 5, .channels = 32, .expansion = 3, .portable = true},
      // Images larger than a tile: cut in rows, in columns, in both.
      {.n = 2, .h = 19, .w = 15, .channels = 16, .expansion = 2},
      {.n = 1, .h = 1, .w = 300, .channels = 8, .expansion = 3},
      {.n = 1, .h = 300, .w = 1, .channels = 8, .expansion = 3, .activation = Activation::Silu},
      {.n = 1, .h = 9, .w = 90, .channels = 24, .expansion = 2},
      // Gates of several clusters, the last with fewer images.
      {.n = 19, .h = 3, .w = 3, .channels = 64, .expansion = 2},
      // The batch in slices of 5, 5 and 2 images, whole groups of the portable route; of 2 and 1; and of 2, 2
      // and 1, whose images are cut.
      {.n = 12, .h = 7, .w = 7, .channels = 32, .expansion = 4, .slice_bytes = 70'000},
      {.n = 12, .h = 7, .w = 7, .channels = 32, .expansion = 4, .portable = true, .slice_bytes = 70'000},
      {.n = 3, .h = 14, .w = 14, .channels = 32, .expansion = 2, .slice_bytes = 60'000},
      {.n = 5, .h = 19, .w = 15, .channels = 16, .expansion = 2, .slice_bytes = 40'000},
      // Hidden channels that fill no whole slice, sums longer than a chunk, outputs wider than a tile.
      {.n = 3, .h = 3, .w = 5, .channels = 40, .expansion = 7},
      {.n = 1, .h = 4, .w = 5, .channels = 136, .expansion = 2},
      {.n = 1, .h = 3, .w = 3, .channels = 264, .expansion = 2, .activation = Activation::Silu},
      // Blocks of ConvFirstNet at 224x224, and other sizes.
      {.n = 128, .h = 14, .w = 14, .channels = 256, .expansion = 4, .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .channels = 512, .expansion = 4, .benchmark_only = true},
      {.n = 128, .h = 14, .w = 14, .channels = 256, .expansion = 4, .portable = true, .benchmark_only = true},
      {.n = 128, .h = 7, .w = 7, .channels = 512, .expansion = 4, .portable = true, .benchmark_only = true},
      {.n = 1, .h = 14, .w = 14, .channels = 256, .expansion = 4, .benchmark_only = true},
      {.n = 1, .h = 7, .w = 7, .channels = 512, .expansion = 4, .benchmark_only = true},
  };
  std::vector<Case> cases;
  for (const Problem& p : problems) cases.push_back(forward(p));
  return cases;
}

}  // namespace cf::kernels
