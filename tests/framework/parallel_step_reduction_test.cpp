// What goes out in a step, and when.

#include "framework/parallel/step_reduction.h"

#include <gtest/gtest.h>

#include "tests/framework/parallel_note_taking.h"

namespace cf {
namespace {

// Five parameters, each of one unit of the bucket's alignment or a little more.
class Reduction : public testing::Test {
 protected:
  static constexpr int kParameters = 5;
  static constexpr std::int64_t kUnit = 32;  // elements

  void SetUp() override {
    std::vector<Parameter*> handles;
    for (int i = 0; i < kParameters; ++i) {
      parameters.push_back(std::make_unique<Parameter>(Shape(K{i == 2 ? kUnit + 1 : kUnit - i}),
                                                       Interchange::Same, Initial{}, true));
      parameters.back()->name = std::to_string(i);
      handles.push_back(parameters.back().get());
    }
    statistic.shape = Shape(K{4});
    statistic.name = "statistic";
    store = std::make_unique<ParameterStore>(*executor, handles, std::vector{&statistic});
    gathered = executor->zeros(DType::Float32, Shape(I{2}));
  }

  // Backward reaches a parameter, given by its forward position.
  void write(int position) {
    const GradientTarget target = gradient_target(*parameters[static_cast<std::size_t>(position)]);
    for (float& value : target.into.flat<float>()) value = static_cast<float>(position + 1);
  }

  std::size_t given() const { return ranks.sums.size() - 1; }  // parts of the gradients

  std::unique_ptr<Executor> executor = Executor::cpu(1);
  std::vector<std::unique_ptr<Parameter>> parameters;
  Statistic statistic;
  std::unique_ptr<ParameterStore> store;
  Tensor gathered;
  NoteTakingCommunicator ranks;
};

TEST_F(Reduction, PartsGoOutAsBackwardCompletesThem) {
  // Parts of two parameters at least: forward positions 4 and 3, 2 (two units), 1 and 0.
  StepReduction reduction(*store, ranks, {gathered}, DType::Float32, 2 * kUnit * 4);
  store->begin_step();
  reduction.begin();
  EXPECT_EQ(ranks.sums.size(), 1U);
  EXPECT_EQ(ranks.sums[0].data(), store->batch().flat<float>().data());
  ASSERT_EQ(ranks.gathers.size(), 1U);
  EXPECT_EQ(ranks.gathers[0].size(), 8U);
  std::vector<std::size_t> parts;
  for (const int position : {3, 4, 1, 2, 0}) {  // not quite in order
    write(position);
    reduction.advance(1);
    parts.push_back(given());
  }
  EXPECT_EQ(parts, (std::vector<std::size_t>{0, 1, 1, 2, 3}));
  reduction.finish(1);
  EXPECT_EQ(given(), 3U);
  // The parts are the whole bucket, once.
  const float* next = store->gradients().flat<float>().data();
  for (std::size_t i = 1; i < ranks.sums.size(); ++i) {
    EXPECT_EQ(ranks.sums[i].data(), next);
    next += ranks.sums[i].size();
  }
  EXPECT_EQ(next - store->gradients().flat<float>().data(), store->gradients().size());
  for (int i = 0; i < kParameters; ++i) {
    for (const float value : parameters[static_cast<std::size_t>(i)]->gradient.flat<float>())
      EXPECT_EQ(value, static_cast<float>(2 * (i + 1)));
  }
}

TEST_F(Reduction, NothingGoesOutBeforeTheLastMicroBatch) {
  StepReduction reduction(*store, ranks, {}, DType::Float32, 1);
  store->begin_step();
  for (int position = kParameters; position-- > 0;) write(position);
  reduction.begin();
  reduction.advance(2);
  EXPECT_EQ(given(), 0U);
  for (int position = kParameters; position-- > 0;) write(position);
  reduction.finish(2);
  EXPECT_EQ(given(), static_cast<std::size_t>(kParameters));
}

TEST_F(Reduction, AGradientThatIsMissingOrWrittenTwiceIsAnError) {
  for (const std::vector<int>& written : {std::vector{4, 3, 2, 1}, std::vector{4, 3, 2, 1, 0, 0}}) {
    StepReduction reduction(*store, ranks, {}, DType::Float32, 1);
    store->begin_step();
    reduction.begin();
    for (const int position : written) {
      write(position);
      reduction.advance(1);
    }
    EXPECT_THROW(reduction.finish(1), Error);
  }
}

TEST_F(Reduction, CpuRanksSendNothingNarrower) {
  EXPECT_THROW(StepReduction(*store, ranks, {}, DType::BFloat16), Error);
}

}  // namespace
}  // namespace cf
