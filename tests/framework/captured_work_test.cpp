// Recorded work and its inputs and outputs. What needs a GPU is skipped without one.

#include "framework/runtime/captured_work.h"

#include <gtest/gtest.h>

#include <cstring>

#include "framework/runtime/step_inputs.h"

namespace cf {
namespace {

constexpr std::int64_t kSize = 1024;

std::vector<float> numbers(std::int64_t step) {
  std::vector<float> out(kSize);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(step) + 1 / static_cast<float>(i + 1);
  return out;
}

void fill_numbers(std::int64_t step, std::span<std::byte> bytes) {
  std::memcpy(bytes.data(), numbers(step).data(), bytes.size());
}

std::vector<float> floats_of(std::span<const std::byte> bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

TEST(CapturedWork, IsNotPossibleOnTheHost) {
  EXPECT_FALSE(CapturedWork::is_possible(*Executor::cpu(1)));
  EXPECT_FALSE(CapturedWork::is_possible(*Executor::reference()));
}

TEST(StepInputs, WithoutRecordingAnInputIsFilledAtOnce) {
  const auto executor = Executor::cpu(1);
  const Tensor input = step_input(*executor, nullptr, DType::Float32, Shape(I{kSize}), 3, fill_numbers);
  EXPECT_EQ(executor->floats(input), numbers(3));
}

TEST(StepOutputs, ArriveInTheOrderTheyWereSent) {
  const auto executor = Executor::cpu(1);
  const Tensor value = executor->zeros(DType::Float32, Shape(I{kSize}));
  StepOutputs outputs(*executor, {value});
  for (const std::int64_t step : {1, 2}) {
    fill_numbers(step, value.bytes());
    outputs.send();
  }
  EXPECT_THROW(outputs.send(), Error);  // a third that nobody has waited for
  EXPECT_EQ(floats_of(outputs.wait().front()), numbers(1));
  EXPECT_EQ(floats_of(outputs.wait().front()), numbers(2));
  EXPECT_THROW(outputs.wait(), Error);
}

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (const GpuCount gpus = count_gpus(); gpus.count == 0) GTEST_SKIP() << "no GPU: " << gpus.why_none;
    executor_ = Executor::cuda(0, DType::Float32);
  }

  std::unique_ptr<Executor> executor_;
};

TEST_F(OnGpu, ReplaysSeeTheInputsOfTheirStep) {
  const Tensor result = executor_->zeros(DType::Float32, Shape(I{kSize}));
  StepInputs inputs(*executor_);
  StepOutputs outputs(*executor_, {result});
  const CapturedWork work(*executor_, [&] {
    // Memory that is free again when the input is declared: the input must not lie there.
    executor_->zeros(DType::Float32, Shape(I{kSize}));
    const Tensor input = inputs.add(DType::Float32, Shape(I{kSize}), fill_numbers);
    executor_->copy(input, result);
  });
  EXPECT_EQ(executor_->floats(result), std::vector<float>(kSize));  // recorded, not run
  constexpr std::int64_t kSteps = 50;
  for (std::int64_t step = 0; step <= kSteps; ++step) {
    if (step < kSteps) {
      inputs.send(step);
      work.replay();
      outputs.send();
    }
    if (step > 0) {
      EXPECT_EQ(floats_of(outputs.wait().front()), numbers(step - 1)) << step;
    }
  }
}

TEST_F(OnGpu, OtherWorkDoesNotTouchTheMemoryOfRecordedWork) {
  Tensor inside;
  const CapturedWork work(*executor_, [&] { inside = executor_->zeros(DType::Float32, Shape(I{kSize})); });
  const MemoryUse before = work.memory();
  inside = {};
  const Tensor outside = executor_->place<float>(numbers(7), Shape(I{kSize}));
  work.replay();
  EXPECT_EQ(executor_->floats(outside), numbers(7));
  EXPECT_EQ(work.memory().reserved_bytes, before.reserved_bytes);
}

TEST_F(OnGpu, ABodyThatThrowsLeavesTheExecutorUsable) {
  EXPECT_THROW(CapturedWork(*executor_, [] { fail(ErrorKind::Usage, "stop"); }), Error);
  const Tensor value = executor_->place<float>(numbers(1), Shape(I{kSize}));
  EXPECT_EQ(executor_->floats(value), numbers(1));
}

TEST_F(OnGpu, EventsTimeTheWorkBetweenThem) {
  GpuEvent start, end;
  start.record(*executor_->stream());
  executor_->zeros(DType::Float32, Shape(I{1 << 20}));
  end.record(*executor_->stream());
  end.synchronize();
  EXPECT_GT(end.milliseconds_since(start), 0);
}

}  // namespace
}  // namespace cf
