#include "kernels/all_cases.h"
#include "kernels/dropout/dropout.h"

namespace cf::kernels {

namespace {

constexpr std::int64_t kDraw = 3;

Case forward(std::int64_t size, float probability) {
  Case result(concat("dropout/forward I=", size, " probability=", probability), 1);
  const auto x = result.input("x", normal(0.5, 1), I{size});
  const auto y = result.output("y", I{size});
  result.may_alias(y, x);
  result.benchmark_only = size > 100'000;
  result.runs([=](auto place, const auto& t) {
    const auto draws = t.constants(std::span<const std::int64_t>(&kDraw, 1));
    dropout(place, Dropout<ElementOf<decltype(t)>>{.x = t(x),
                                                   .probability = probability,
                                                   .seed = 7,
                                                   .layer = 2,
                                                   .draw = {draws.data(), I{1}},
                                                   .y = t(y)});
  });
  return result;
}

}  // namespace

std::vector<Case> dropout_cases() {
  return {forward(1, 0.5F),     forward(37, 0.3F),     forward(1030, 0),
          forward(4099, 0.25F), forward(20'001, 0.9F), forward(128 * 1280, 0.2F)};
}

}  // namespace cf::kernels
