// Where a plan's tensors lie, and work that runs in such memory.
#include "framework/runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "framework/runtime/memory_pool.h"
#include "framework/runtime/planned_work.h"
#include "kernels/base/philox.h"

namespace cf {
namespace {

TEST(MemoryPlan, AChainNeedsTwoBuffers) {
  std::vector<Lifetime> chain;
  for (int i = 0; i < 10; ++i) chain.push_back({1024, i, i + 1});
  EXPECT_EQ(plan_memory(chain).total_bytes, 2048U);
}

TEST(MemoryPlan, FillsGapsBetweenLargerTensors) {
  const std::vector<Lifetime> tensors = {{4096, 0, 1}, {1024, 2, 3}, {2048, 2, 3}, {1000, 3, 4}};
  const MemoryPlan plan = plan_memory(tensors);
  EXPECT_EQ(plan.total_bytes, 4096U);
}

TEST(MemoryPlan, TensorsThatLiveTogetherNeverOverlap) {
  Philox random(7, Purpose::Test);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<Lifetime> tensors(static_cast<std::size_t>(1 + random.below(20)));
    for (auto& t : tensors) {
      const int first = static_cast<int>(random.below(12));
      t = {static_cast<std::size_t>(random.below(3000)), first, first + static_cast<int>(random.below(4))};
    }
    const MemoryPlan plan = plan_memory(tensors);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % MemoryPool::kAlignment, 0U);
      EXPECT_LE(plan.offsets[i] + tensors[i].bytes, plan.total_bytes);
      for (std::size_t j = 0; j < i; ++j) {
        const bool together = tensors[i].first <= tensors[j].last && tensors[j].first <= tensors[i].last;
        const bool apart = plan.offsets[i] + tensors[i].bytes <= plan.offsets[j] ||
                           plan.offsets[j] + tensors[j].bytes <= plan.offsets[i];
        EXPECT_TRUE(!together || apart || tensors[i].bytes == 0 || tensors[j].bytes == 0) << i << " " << j;
      }
    }
  }
}

// d = (a + 1) + (a + 1 + a), e = d + 1: `b` is needed by the last step but one, and `a` by the next run.
TEST(PlannedWork, KeepsWhatLaterStepsRead) {
  PlannedWork work;
  const Shape shape(N{4}, C{3});
  const auto a = work.add(DType::Float32, shape), b = work.add(DType::Float32, shape),
             c = work.add(DType::Float32, shape), d = work.add(DType::Float32, shape),
             e = work.add(DType::Float32, shape);
  const auto sum = [](const Tensor& x, const Tensor& y, float more, const Tensor& to) {
    for (std::int64_t i = 0; i < to.size(); ++i) {
      to.flat<float>()(I{i}) = x.flat<float>()(I{i}) + (y ? y.flat<float>()(I{i}) : 0) + more;
    }
  };
  work.add({"b", {a}, {b}, [=](const auto& t) { sum(t[a], {}, 1, t[b]); }});
  work.add({"c", {a, b}, {c}, [=](const auto& t) { sum(t[a], t[b], 0, t[c]); }});
  work.add({"d", {b, c}, {d}, [=](const auto& t) { sum(t[b], t[c], 0, t[d]); }});
  work.add({"e", {d}, {e}, [=](const auto& t) { sum(t[d], {}, 1, t[e]); }});
  const auto executor = Executor::cpu(1);
  work.prepare(*executor);
  EXPECT_LE(work.planned_bytes(), 4 * MemoryPool::kAlignment);
  for (const std::int64_t samples : {4, 2}) {
    const Tensor in = work.tensor(a, samples);
    for (float& v : in.flat<float>()) v = static_cast<float>(samples);
    for (int run = 0; run < 2; ++run) {
      work.run(samples);
      for (const float v : executor->floats(work.tensor(e, samples))) EXPECT_EQ(v, 3.0F * samples + 3);
    }
  }
  EXPECT_THROW(work.tensor(a, 5), Error);
}

}  // namespace
}  // namespace cf
