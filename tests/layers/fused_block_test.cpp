// A block trained by fused passes against its layers: output, every gradient and the running statistics. In
// double they agree to rounding; in narrower types the fused passes err no more than the layers do, also
// where a norm's input lies far from zero.
#include "tests/layers/fused_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/data/expect_error.h"

namespace cf::layers {
namespace {

using namespace fused_block;

const Problem kConvFirst[] = {
    {"ragged", Kind::ConvFirst, 3, 5, 7, 24, 3},
    {"one_group_of_one_sample", Kind::ConvFirst, 1, 6, 5, 8, 2},
    {"wide", Kind::ConvFirst, 1, 9, 8, 64, 5},
    {"kept_samples", Kind::ConvFirst, 5, 7, 6, 16, 4, {0, 2, 3}},
    {"one_kept_sample", Kind::ConvFirst, 4, 3, 4, 16, 2, {2}},
    {"far_from_zero", Kind::ConvFirst, 4, 8, 7, 16, 4, {}, true},
};

const Problem kMBConv[] = {
    {"ragged", Kind::MBConv, 3, 5, 7, 24, 3},
    {"one_group_of_one_sample", Kind::MBConv, 1, 11, 9, 8, 1},
    {"wide", Kind::MBConv, 1, 7, 8, 40, 4},
    {"kept_samples", Kind::MBConv, 5, 7, 6, 16, 4, {0, 2, 3}},
    {"one_kept_sample", Kind::MBConv, 4, 3, 4, 16, 2, {2}},
};
const Problem kMBConvFarFromZero = {"far_from_zero", Kind::MBConv, 4, 8, 7, 16, 4, {}, true};

const Place kReference64 = {"reference_float64", [] { return Executor::reference(); }, DType::Float64};
const Place kReference32 = {"reference_float32", [] { return Executor::reference(); }, DType::Float32};
const Place kCpu = {"cpu", [] { return Executor::cpu(2); }, DType::Float32};

const Place kReference16 = {"reference_float16", [] { return Executor::reference(); }, DType::Float16};
const Place kReferenceB16 = {"reference_bfloat16", [] { return Executor::reference(); }, DType::BFloat16};

std::vector<Place> places_of_gpu() {
#ifdef CF_WITH_CUDA
  return {{"cuda_float16", [] { return Executor::cuda(0, DType::Float16); }, DType::Float16},
          {"cuda_bfloat16", [] { return Executor::cuda(0, DType::BFloat16); }, DType::BFloat16}};
#else
  return {};
#endif
}

std::vector<Place> places_in_16_bits() {
  std::vector<Place> places = {kReference16, kReferenceB16};
  for (const Place& place : places_of_gpu()) places.push_back(place);
  return places;
}

std::vector<Place> all_places() {
  std::vector<Place> places = {kReference64, kReference32, kCpu};
  for (const Place& place : places_in_16_bits()) places.push_back(place);
  return places;
}

bool lacks_gpu(const Place& place) {
  return std::string_view(place.name).starts_with("cuda") && count_gpus().count == 0;
}

// About a rounding of the result.
double floor_of(DType type) {
  return type == DType::Float64 ? 1e-9 : type == DType::Float32 ? 1e-6 : type == DType::Float16 ? 5e-4 : 4e-3;
}

// Errors of the tensors of a step, by name.
struct Errors {
  std::map<std::string, std::vector<double>> layers, fused;

  void add(const Problem& problem, const Place& place, std::uint64_t draw) {
    const Inputs inputs(problem, place.dtype, draw);
    const Results truth = run(problem, inputs, kReference64, Fusion::Off);
    add(truth, run(problem, inputs, place, Fusion::Off), layers);
    add(truth, run(problem, inputs, place, Fusion::Require), fused);
  }

  static void add(const Results& truth, const Results& results,
                  std::map<std::string, std::vector<double>>& errors) {
    ASSERT_EQ(results.size(), truth.size());
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const auto& [name, expected] = truth[i];
      const double least = 1e-3 * std::sqrt(static_cast<double>(expected.size()));
      errors[name].push_back(error_of(results[i].second, expected, least));
    }
  }
};

double mean(const std::vector<double>& values, double power) {
  double sum = 0;
  for (const double v : values) sum += std::pow(v, power);
  return std::pow(sum / static_cast<double>(values.size()), 1 / power);
}

class FusedBlock : public testing::TestWithParam<std::tuple<Problem, Place>> {
 protected:
  void SetUp() override {
    if (lacks_gpu(std::get<1>(GetParam()))) GTEST_SKIP() << count_gpus().why_none;
  }
};

TEST_P(FusedBlock, ErrsNoMoreThanTheLayers) {
  const auto& problem = std::get<0>(GetParam());
  const auto& place = std::get<1>(GetParam());
  const std::uint64_t draws = size_of(place.dtype) == 2 ? 4 : 1;
  Errors errors;
  for (std::uint64_t draw = 0; draw < draws; ++draw) errors.add(problem, place, draw);
  const double factor = problem.far_from_zero ? 1 : 1.5;
  for (const auto& [name, fused] : errors.fused) {
    EXPECT_LE(mean(fused, 2), factor * mean(errors.layers[name], 2) + floor_of(place.dtype)) << name;
  }
}

TEST_P(FusedBlock, TwoRunsAreBitEqual) {
  const auto& [problem, place] = GetParam();
  const Inputs inputs(problem, place.dtype, 0);
  EXPECT_EQ(run(problem, inputs, place, Fusion::Require), run(problem, inputs, place, Fusion::Require));
}

std::string name_of_test(const testing::TestParamInfo<std::tuple<Problem, Place>>& test) {
  return std::string(std::get<0>(test.param).name) + "_" + std::get<1>(test.param).name;
}

INSTANTIATE_TEST_SUITE_P(ConvFirst, FusedBlock,
                         testing::Combine(testing::ValuesIn(kConvFirst), testing::ValuesIn(all_places())),
                         name_of_test);
// In 16 bits MBConv blocks are averaged over (below), but those far from zero.
INSTANTIATE_TEST_SUITE_P(MBConv, FusedBlock,
                         testing::Combine(testing::ValuesIn(kMBConv),
                                          testing::Values(kReference64, kReference32, kCpu)),
                         name_of_test);
INSTANTIATE_TEST_SUITE_P(MBConvFarFromZero, FusedBlock,
                         testing::Combine(testing::Values(kMBConvFarFromZero),
                                          testing::ValuesIn(all_places())),
                         name_of_test);

// An MBConv block has three ReLUs in a row, and one that rounding flips moves every tensor behind it: in
// small blocks a matter of luck, which it takes some hundred thousand hidden values to be rid of.
class FusedMBConvAt : public testing::TestWithParam<Place> {};

TEST_P(FusedMBConvAt, ErrsNoMoreThanTheLayersOnAverage) {
  const Place& place = GetParam();
  if (lacks_gpu(place)) GTEST_SKIP() << count_gpus().why_none;
  Errors errors;
  for (const Problem& p : kMBConv) {
    const auto samples = p.kept.empty() ? p.n : static_cast<std::int64_t>(p.kept.size());
    const auto draws = static_cast<std::uint64_t>(200'000 / (samples * p.h * p.w * p.channels * p.expansion));
    for (std::uint64_t draw = 0; draw < draws; ++draw) errors.add(p, place, draw);
  }
  for (const auto& [name, fused] : errors.fused) {
    EXPECT_LE(mean(fused, 1), 1.5 * mean(errors.layers[name], 1) + floor_of(place.dtype)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, FusedMBConvAt, testing::ValuesIn(places_in_16_bits()),
                         [](const auto& test) { return std::string(test.param.name); });

// Layer by layer, wide enough for the statistics of the expansion to be taken where it is stored.
class MBConvLayersAt : public testing::TestWithParam<Place> {};

TEST_P(MBConvLayersAt, ErrNoMoreThanTheReferenceLoopsOnAverage) {
  const Place& place = GetParam();
  if (lacks_gpu(place)) GTEST_SKIP() << count_gpus().why_none;
  const Problem problem{"wide", Kind::MBConv, 3, 8, 7, 128, 1};
  const Place& loops = place.dtype == DType::Float16 ? kReference16 : kReferenceB16;
  std::map<std::string, std::vector<double>> errors, yardstick;
  for (std::uint64_t draw = 0; draw < 4; ++draw) {
    const Inputs inputs(problem, place.dtype, draw);
    const Results truth = run(problem, inputs, kReference64, Fusion::Off);
    Errors::add(truth, run(problem, inputs, place, Fusion::Off), errors);
    Errors::add(truth, run(problem, inputs, loops, Fusion::Off), yardstick);
  }
  for (const auto& [name, of_place] : errors) {
    EXPECT_LE(mean(of_place, 1), 1.5 * mean(yardstick[name], 1) + floor_of(place.dtype)) << name;
  }
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(MBConvLayersAt);
INSTANTIATE_TEST_SUITE_P(Types, MBConvLayersAt, testing::ValuesIn(places_of_gpu()),
                         [](const auto& test) { return std::string(test.param.name); });

class FusedBlockOf : public testing::TestWithParam<Kind> {};

TEST_P(FusedBlockOf, RefusesOneValuePerChannel) {
  const Problem problem{"one pixel", GetParam(), 1, 1, 1, 8, 2};
  const Inputs inputs(problem, DType::Float32, 0);
  expect_error(ErrorKind::Usage, {"N*H*W = 1"}, [&] { run(problem, inputs, kCpu, Fusion::Require); });
}

TEST_P(FusedBlockOf, TrainsAsTheLayersDo) {
  const auto layers = train(GetParam(), "off"), fused = train(GetParam(), "require");
  for (std::size_t i = 0; i < layers.size(); ++i) EXPECT_NEAR(fused[i], layers[i], 1e-3 * layers[i]) << i;
  EXPECT_LT(fused.back(), fused.front());
}

INSTANTIATE_TEST_SUITE_P(Kinds, FusedBlockOf, testing::Values(Kind::ConvFirst, Kind::MBConv),
                         [](const auto& test) {
                           return std::string(test.param == Kind::ConvFirst ? "convfirst" : "mbconv");
                         });

// Values as wide as the image: x, the convolution's output and the projection's. Layer by layer three hidden
// layers (expanded, convolved, gated) and the projection, x being there already.
TEST(FusedMBConv, SavesOneHiddenLayerOfThree) {
  const Problem problem{"", Kind::MBConv, 8, 8, 8, 16, 4};
  const std::int64_t image = 8 * 8 * 8 * 16 * 4, hidden = 4 * image;
  const std::int64_t layers = saved_bytes(problem, kReference32, Fusion::Off);
  const std::int64_t fused = saved_bytes(problem, kReference32, Fusion::Require);
  constexpr std::int64_t kSmallState = 16 << 10;
  EXPECT_NEAR(layers, 3 * hidden + image, kSmallState);
  EXPECT_NEAR(fused, hidden + 2 * image, kSmallState);
}

}  // namespace
}  // namespace cf::layers
