// Benchmarked kernel cases: which, on what memory, held against which limit.
#include <gtest/gtest.h>

#include <set>

#include "apps/bench/block_benchmark.h"
#include "apps/bench/case_benchmark.h"
#include "apps/bench/case_selection.h"
#include "apps/bench/rotating_memory.h"
#include "kernels/all_cases.h"

namespace cf::apps {
namespace {

using kernels::Case;

TEST(BenchSelection, MatchesWords) {
  const std::string name = "linear/forward M=37 C=64 K=640 bias";
  for (const char* pattern : {"", "linear", "linear/forward", "forward C=64", "K=640 bias", " M=37  linear "})
    EXPECT_TRUE(name_matches(name, pattern)) << pattern;
  for (const char* pattern : {"backward", "C=6", "K=64", "C=640", "linear C=24"})
    EXPECT_FALSE(name_matches(name, pattern)) << pattern;
}

TEST(BenchSelection, TakesRealShapesUnlessAllAreWanted) {
  const auto real = select_cases("", false), all = select_cases("", true);
  EXPECT_EQ(all.size(), kernels::all_cases().size());
  EXPECT_LT(real.size(), all.size());
  for (const Case& c : real) EXPECT_TRUE(c.benchmark_only) << c.name;
  for (const Case& c : select_cases("grouped_conv/forward C=64", false))
    EXPECT_TRUE(c.name.starts_with("grouped_conv/forward")) << c.name;
  EXPECT_TRUE(select_cases("no_such_kernel", true).empty());
}

// Every layer of ConvFirstNet-Small at batch 128 and 224 pixels is there.
TEST(BenchSelection, HoldsTheLayersOfSmall) {
  for (const char* shape :
       {"grouped_conv N=128 H=56 C=64", "grouped_conv N=128 H=28 C=128", "grouped_conv N=128 H=14 C=1024",
        "grouped_conv N=128 H=7 C=2048", "linear M=401408 C=64 K=384", "linear M=401408 C=384 K=64",
        "linear M=100352 C=128 K=768", "linear M=25088 C=256 K=1024", "linear M=6272 C=2048 K=512",
        "batch_norm/backward M=401408 C=384", "squeeze_excite N=128 H=14 C=1024",
        "squeeze_excite N=128 H=7 C=2048", "patch_conv N=128 H=224 K=64", "residual/sum N=128 H=7 C=512"})
    EXPECT_GE(select_cases(shape, false).size(), 1U) << shape;
}

// Adds one to `size` elements, counting its calls and workspaces.
Case increment(std::int64_t size) {
  Case result("increment", 1);
  const auto x = result.input("x", kernels::normal(0, 1), I{size});
  const auto y = result.output("y", I{size});
  result.flops = static_cast<double>(size);
  result.runs_on_host([=](auto, const auto& t) {
    using T = kernels::ElementOf<decltype(t)>;
    const std::vector<float> one{1};
    const auto term = t.constants(std::span<const float>(one));
    t.workspace(64);
    for (std::int64_t i = 0; i < size; ++i)
      t(y).data()[i] = static_cast<T>(static_cast<float>(t(x).data()[i]) + term[0]);
  });
  return result;
}

TEST(BenchMemory, EveryCopyHoldsWhatTheCaseDraws) {
  const auto executor = Executor::cpu(1);
  const Case problem = increment(1000);
  RotatingMemory memory(*executor, problem, DType::Float32, 3);
  const auto drawn = problem.draw(0, DType::Float32);
  std::vector<const float*> seen;
  for (std::int64_t i = 0; i < 3; ++i) {
    problem.run(Cpu{nullptr}, DType::Float32, memory.copy(i));
    const auto* x = static_cast<const float*>(memory.copy(i).tensor(0));
    const auto* y = static_cast<const float*>(memory.copy(i).tensor(1));
    for (std::size_t j = 0; j < drawn.size(); ++j) {
      ASSERT_EQ(static_cast<double>(x[j]), drawn[j]);
      ASSERT_EQ(y[j], x[j] + 1);
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), x), 0) << "copies share memory";
    seen.push_back(x);
  }
}

TEST(BenchMemory, LargeTensorsRepeatTheirBeginning) {
  constexpr std::int64_t kDrawn = 1 << 18, kElements = 2 * kDrawn + 12'345;
  const auto executor = Executor::cpu(1);
  RotatingMemory memory(*executor, increment(kElements), DType::Float32, 1);
  const auto* x = static_cast<const float*>(memory.copy(0).tensor(0));
  for (std::int64_t i = kDrawn; i < kElements; ++i) ASSERT_EQ(x[i], x[i - kDrawn]) << i;
  EXPECT_NE(x[0], x[1]);
}

TEST(BenchMemory, CopiesExceedTheCacheTwice) {
  const Case problem = increment(1000);
  EXPECT_EQ(tensor_bytes(problem, DType::Float32), 8000);
  EXPECT_EQ(copies_beyond(40'000, 8000), 10);
  EXPECT_EQ(copies_beyond(40'001, 8000), 11);
  EXPECT_EQ(copies_beyond(1, 8000), 2);
  EXPECT_EQ(copies_beyond(std::int64_t{1} << 40, 8000), 1024);
}

TEST(BenchCase, IsHeldAgainstItsOwnLimit) {
  const auto executor = Executor::cpu(1);
  const Case problem = increment(5000);
  const DeviceLimits limits{.bytes_per_second = 1e9, .flops_per_second = 1e6};
  const CaseResult result =
      benchmark_case(*executor, problem, DType::Float32, limits, 1 << 16, {.samples = 5});
  EXPECT_DOUBLE_EQ(result.flops, 5000);
  EXPECT_DOUBLE_EQ(result.bytes, 40'000);
  EXPECT_DOUBLE_EQ(result.limit_seconds, 5e-3);  // arithmetic: 5000 at 1e6 a second; memory would be 4e-5
  EXPECT_EQ(result.copies, 4);
  EXPECT_EQ(result.timing.seconds.samples, 5);
  EXPECT_DOUBLE_EQ(result.share_of_limit(), 5e-3 / result.timing.seconds.median);
}

TEST(BenchCase, RunsWhereItsTypesDo) {
  const auto executor = Executor::cpu(1);
  EXPECT_TRUE(runs_at(*executor, increment(1), DType::Float32));
  for (const Case& c : select_cases("optimizer_step/sgd I=96", true)) {
    EXPECT_TRUE(runs_at(*executor, c, DType::Float32));
    EXPECT_FALSE(runs_at(*executor, c, DType::BFloat16));
  }
}

TEST(BenchBlock, CostsWhatThePaperSays) {
  // Per pixel 72 C + 2 E C^2 multiply-accumulates, and of a ConvFirst block 4 C bytes in 16 bits.
  const BlockCase shape{"convfirst", 2, 4, 16, 6};
  EXPECT_DOUBLE_EQ(flops_of(shape), 2.0 * 2 * 16 * (72 * 16 + 2 * 6 * 16 * 16));
  BlockCase training = shape;
  training.training = true;
  EXPECT_DOUBLE_EQ(flops_of(training), 3 * flops_of(shape));
  const double parameters = 72 * 16 + 2 * 6 * 16 * 16 + 2 * (16 + 96 + 16);
  EXPECT_DOUBLE_EQ(bytes_of(shape, DType::BFloat16), 2 * 16 * 4 * 16 + 2 * parameters);
  EXPECT_DOUBLE_EQ(bytes_of(training, DType::BFloat16), 2 * 16 * 10 * 16 + 8 * parameters);
}

TEST(BenchBlock, RunsForwardAndBackward) {
  const auto executor = Executor::cpu(1);
  const DeviceLimits limits{.bytes_per_second = 1e10, .flops_per_second = 1e11};
  for (const char* kind : {"convfirst", "mbconv"}) {
    const auto seconds = [&](bool training) {
      return benchmark_block(*executor, {kind, 2, 6, 16, 4, training}, limits, 1 << 16, {.samples = 9})
          .timing.seconds.median;
    };
    const double forward = seconds(false);
    EXPECT_GT(forward, 0);
    EXPECT_GT(seconds(true), forward);
  }
}

TEST(BenchBlock, TrainsFused) {
  const auto executor = Executor::cpu(1);
  const DeviceLimits limits{.bytes_per_second = 1e10, .flops_per_second = 1e11};
  const CaseResult result =
      benchmark_block(*executor, {"convfirst", 2, 6, 16, 4, true, true}, limits, 1 << 16, {.samples = 3});
  EXPECT_EQ(result.name, "block/convfirst/train N=2 H=6 W=6 C=16 E=4 fused");
  EXPECT_GT(result.timing.seconds.median, 0);
}

TEST(BenchBlock, ShapesHaveDistinctNames) {
  std::set<std::string> names;
  for (const BlockCase& shape : block_cases()) EXPECT_TRUE(names.insert(shape.name()).second) << shape.name();
  EXPECT_EQ(select_blocks("block/convfirst/train C=64").size(), 2U);
  EXPECT_TRUE(select_blocks("linear").empty());
}

}  // namespace
}  // namespace cf::apps
