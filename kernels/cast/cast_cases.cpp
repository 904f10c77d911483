#include "kernels/all_cases.h"
#include "kernels/cast/cast.h"

namespace cf::kernels {

std::vector<Case> cast_cases() {
  std::vector<Case> cases;
  for (const std::int64_t size : {1, 7, 8, 1000, 17'000'001}) {
    Case problem(concat("cast I=", size), 1);
    const auto x = problem.input<Element::WideT>("x", normal(0, 100), I{size});
    const auto y = problem.output("y", I{size});
    problem.benchmark_only = size > 1'000'000;
    problem.runs(
        [=](auto place, const auto& t) { cast(place, Cast<ElementOf<decltype(t)>>{.x = t(x), .y = t(y)}); });
    cases.push_back(std::move(problem));
  }
  for (const std::int64_t size : {1, 1000}) {
    Case problem(concat("cast/widen I=", size), 1);
    const auto x = problem.input("x", normal(0, 100), I{size});
    const auto y = problem.output<Element::WideT>("y", I{size});
    problem.runs(
        [=](auto place, const auto& t) { cast(place, Widen<ElementOf<decltype(t)>>{.x = t(x), .y = t(y)}); });
    cases.push_back(std::move(problem));
  }
  return cases;
}

}  // namespace cf::kernels
