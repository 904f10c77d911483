// The case runner is tested with mistakes: a small kernel is written right at place Reference and wrong at
// place Cpu, and the runner must say so.
//
//   y[m,c]    = scale[c] (x[m-1,c] + x[m,c] + x[m+1,c]), zeros outside
//   dscale[c] = accumulate dscale[c] + sum_m x[m,c]
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <string>
#include <vector>

#include "kernels/base/accumulate.h"
#include "tests/kernels/case_runner.h"
#include "tests/kernels/guarded_memory.h"

namespace cf::kernels {
namespace {

enum class Mistake {
  None,
  WrongNeighbour,
  ForgottenBorder,
  OneChannelsScale,
  UnwrittenElement,
  WritesPastTheEnd,
  WritesBeforeTheStart,
  ReadsPastTheEnd,
  AccumulateIgnored,
  AccumulatesOntoNothing,
  DifferentInEveryRun,
  DependsOnThreads,
  ChangesItsInput,
  OverrunsItsWorkspace,
  ReadsItsWorkspace,
  TooFewBits,
  Throws,
  WrongInPlace,
};

struct StencilViews {
  View<const float, M, C> x;
  View<const float, C> scale;
  View<float, M, C> y;
  View<float, C> dscale;
};

template <class T, class Sum>
void stencil(const View<const T, M, C>& x, const View<const Sum, C>& scale, float accumulate,
             const View<T, M, C>& y, const View<Sum, C>& dscale) {
  const M rows = x.template extent<M>();
  for (C c : range(x.template extent<C>())) {
    Sum total = 0, before = 0;
    for (M m : range(rows)) {
      const Sum here = Sum(x(m, c)), after = m + 1 < rows ? Sum(x(m + 1, c)) : Sum(0);
      total += here;
      y(m, c) = T(scale(c) * (before + here + after));
      before = here;
    }
    accumulate_into(dscale(c), accumulate, total);
  }
}

// What the mistake does before or after the right computation.
void plant(Mistake mistake, const StencilViews& v, float accumulate, Cpu place, Workspace workspace) {
  static std::atomic<int> calls{0};
  const auto last = v.y.size() - 1;
  const auto channels = v.x.extent<C>().value;
  float* const input = const_cast<float*>(v.x.data());
  switch (mistake) {
    case Mistake::None:
      break;
    case Mistake::WrongNeighbour:
      for (std::int64_t i = channels; i < last; ++i)
        v.y.data()[i] += v.scale(C{i % channels}) * (v.x.data()[i + 1] - v.x.data()[i]);
      break;
    case Mistake::ForgottenBorder:
      for (C c : range(C{channels})) v.y(M{0}, c) += v.scale(c) * v.x(M{0}, c);
      break;
    case Mistake::OneChannelsScale:
      for (std::int64_t i = 0; i <= last; ++i) v.y.data()[i] *= v.scale(C{0}) / v.scale(C{i % channels});
      break;
    case Mistake::UnwrittenElement:
      v.y.data()[last] = std::numeric_limits<float>::quiet_NaN();
      break;
    case Mistake::WritesPastTheEnd:
      v.y.data()[last + 1] = 0;
      break;
    case Mistake::WritesBeforeTheStart:
      v.y.data()[-1] = 0;
      break;
    case Mistake::ReadsPastTheEnd:
      v.y.data()[last] += 1e-30F * v.x.data()[last + 1];
      break;
    case Mistake::AccumulateIgnored:
      for (C c : range(C{channels})) {
        v.dscale(c) = 0;
        for (M m : range(v.x.extent<M>())) v.dscale(c) += v.x(m, c);
      }
      break;
    case Mistake::AccumulatesOntoNothing:
      if (accumulate == 0) v.dscale(C{0}) += std::numeric_limits<float>::quiet_NaN();
      break;
    case Mistake::DifferentInEveryRun:
      v.y.data()[0] *= 1 + static_cast<float>(++calls % 2) * 0x1p-23F;
      break;
    case Mistake::DependsOnThreads:
      v.y.data()[0] *= 1 + static_cast<float>(place.threads->count()) * 0x1p-23F;
      break;
    case Mistake::ChangesItsInput:
      input[0] += 1;
      break;
    case Mistake::OverrunsItsWorkspace:
      workspace.data()[workspace.size()] = std::byte{0};
      break;
    case Mistake::ReadsItsWorkspace:
      v.y.data()[0] += *reinterpret_cast<const float*>(workspace.data());
      break;
    case Mistake::TooFewBits:
      for (float& y : v.y) y = BFloat16(y);
      break;
    case Mistake::Throws:
      fail(ErrorKind::Internal, "a planted mistake");
    case Mistake::WrongInPlace:
      if (v.y.data() == v.x.data()) v.y.data()[0] += 1;
      break;
  }
}

Case planted(Mistake mistake, float accumulate) {
  constexpr std::int64_t kRows = 37, kChannels = 5;
  Case result(concat("planted/stencil", accumulate == 0 ? "" : " accumulate"), kRows);
  const auto x = result.input("x", normal(0.5, 1), M{kRows}, C{kChannels});
  const auto scale = result.input<Element::WideT>("scale", uniform(0.5, 1.5), C{kChannels});
  const auto y = result.output("y", M{kRows}, C{kChannels});
  const auto dscale = result.gradient("dscale", accumulate, C{kChannels});
  result.may_alias(y, x);
  result.runs([=](auto place, const auto& t) {
    stencil(t(x), t(scale), accumulate, t(y), t(dscale));
    if constexpr (std::is_same_v<decltype(place), Cpu>) {
      plant(mistake, {t(x), t(scale), t(y), t(dscale)}, accumulate, place, t.workspace(64));
    }
  });
  return result;
}

std::string complaints_of(const Case& problem) {
  std::string all;
  for (const auto& complaint : check_case(problem)) all += complaint + '\n';
  return all;
}

TEST(PlantedMistakes, ARightKernelPasses) {
  EXPECT_EQ(complaints_of(planted(Mistake::None, 0)), "");
  EXPECT_EQ(complaints_of(planted(Mistake::None, 1)), "");
}

struct Expected {
  Mistake mistake;
  float accumulate;
  const char* complaint;
};

class PlantedMistake : public testing::TestWithParam<Expected> {};

TEST_P(PlantedMistake, IsCaught) {
  const auto& expected = GetParam();
  EXPECT_NE(complaints_of(planted(expected.mistake, expected.accumulate)).find(expected.complaint),
            std::string::npos)
      << "instead:\n"
      << complaints_of(planted(expected.mistake, expected.accumulate));
}

INSTANTIATE_TEST_SUITE_P(
    Each, PlantedMistake,
    testing::Values(Expected{Mistake::WrongNeighbour, 0, "cpu: error"},
                    Expected{Mistake::ForgottenBorder, 0, "cpu: error"},
                    Expected{Mistake::OneChannelsScale, 0, "cpu: error"},
                    Expected{Mistake::UnwrittenElement, 0, "cpu: error inf of y"},
                    Expected{Mistake::WritesPastTheEnd, 0, "writes outside of y"},
                    Expected{Mistake::WritesBeforeTheStart, 0, "writes outside of y"},
                    Expected{Mistake::ReadsPastTheEnd, 0, "cpu: error inf of y"},
                    Expected{Mistake::AccumulateIgnored, 1, "of dscale is above"},
                    Expected{Mistake::AccumulatesOntoNothing, 0, "cpu: error inf of dscale"},
                    Expected{Mistake::DifferentInEveryRun, 0, "two runs differ in y"},
                    Expected{Mistake::DependsOnThreads, 0, "three threads and one differ in y"},
                    Expected{Mistake::ChangesItsInput, 0, "changes its input x"},
                    Expected{Mistake::OverrunsItsWorkspace, 0, "writes outside of its workspace"},
                    Expected{Mistake::ReadsItsWorkspace, 0, "cpu: error inf of y"},
                    Expected{Mistake::TooFewBits, 0, "cpu: error"},
                    Expected{Mistake::Throws, 0, "throws: a planted mistake"},
                    Expected{Mistake::WrongInPlace, 0, "y in place of x differ in y"}));

// The yardstick is checked too: a reference that is wrong in one type would excuse everything there.
TEST(PlantedMistakes, AWrongReferenceIsCaught) {
  Case problem("planted/half", 1);
  const auto x = problem.input("x", normal(0, 1), I{64});
  const auto y = problem.output("y", I{64});
  problem.runs([=](auto, const auto& t) {
    using T = ElementOf<decltype(t)>;
    const auto from = t(x);
    const auto to = t(y);
    for (I i : range(from.template extent<I>())) to(i) = from(i);
    if constexpr (std::is_same_v<T, Half>) to(I{63}) = T(2 * to(I{63}));
  });
  EXPECT_NE(complaints_of(problem).find("reference in float16: error"), std::string::npos);
}

// Where the reference rounds the terms of a wide sum, a place may round them too, but not the sum.
TEST(PlantedMistakes, ARoundedSumIsCaughtWhereItsTermsAreRounded) {
  constexpr std::int64_t kTerms = 64, kSums = 32;
  Case problem("planted/sums of rounded terms", kTerms);
  const auto x = problem.input<Element::WideT>("x", uniform(0.5, 1.5), M{kTerms}, C{kSums});
  const auto sums = problem.output<Element::WideT>("sums", C{kSums});
  problem.rounds_inside = true;
  problem.runs([=](auto, const auto& t) {
    using T = ElementOf<decltype(t)>;
    const auto terms = t(x);
    const auto to = t(sums);
    for (C c : range(to.template extent<C>())) {
      to(c) = 0;
      for (M m : range(terms.template extent<M>())) to(c) += Wide<T>(T(terms(m, c)));
    }
  });
  EXPECT_EQ(complaints_of(problem), "");

  for (const DType type : {DType::Float16, DType::BFloat16}) {
    const auto run = [&](DType in) {
      GuardedMemory memory(problem, in);
      memory.set(x.index, problem.draw(x.index, type));
      problem.run(Reference{}, in, memory);
      memory.collect();
      return memory.values(sums.index);
    };
    const auto truth = run(DType::Float64), reference = run(type);
    auto rounded = reference;
    for (double& value : rounded) {
      const auto wide = static_cast<float>(value);
      value = type == DType::Float16 ? float{Half(wide)} : float{BFloat16(wide)};
    }
    const double bound = error_bound(problem, sums.index, type, relative_error(reference, truth));
    EXPECT_LE(relative_error(reference, truth), bound) << name_of(type);
    EXPECT_GT(relative_error(rounded, truth), bound) << name_of(type);
  }
}

}  // namespace
}  // namespace cf::kernels
