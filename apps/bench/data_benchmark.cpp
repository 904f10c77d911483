#include "apps/bench/data_benchmark.h"

#include <chrono>
#include <cstring>
#include <utility>

namespace cf::apps {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

BatchCopies::BatchCopies(Executor& executor, const data::LoaderOptions& options)
    : executor_(executor),
      shape_(N{options.batch}, H{options.height}, W{options.width}, C{options.channels}),
      fill_([this](std::int64_t, std::span<std::byte> bytes) {
        std::memcpy(bytes.data(), batch_->images.data(), bytes.size());
      }) {
  if (executor.kind() != PlaceKind::Cuda) return;
  inputs_ = std::make_unique<StepInputs>(executor);
  inputs_->add(DType::UInt8, shape_, fill_);
}

void BatchCopies::copy(const data::Batch& batch) {
  const auto start = Clock::now();
  batch_ = &batch;
  if (inputs_) {
    inputs_->send(number_++);
  } else {
    step_input(executor_, nullptr, DType::UInt8, shape_, number_++, fill_);
  }
  seconds_ += seconds_since(start);
}

LoaderRate measure_loader(const data::Dataset& dataset, data::LoaderOptions options, int threads,
                          double seconds, Executor& executor) {
  options.threads = threads;
  BatchCopies copies(executor, options);
  data::Loader loader(dataset, options);
  // More batches than can have been ready before.
  const auto take_batches_for = [&](double limit) {
    const auto start = Clock::now();
    std::int64_t batches = 0;
    for (; batches <= options.queue || seconds_since(start) < limit; ++batches) {
      data::Batch batch = loader.next();
      copies.copy(batch);
      loader.recycle(std::move(batch));
    }
    return batches;
  };
  take_batches_for(0.1 * seconds);

  const auto start = Clock::now();
  const data::LoaderWork before = loader.work();
  const double copied_before = copies.seconds();
  const std::int64_t batches = take_batches_for(seconds);
  const data::LoaderWork after = loader.work();
  return {.threads = threads,
          .seconds = seconds_since(start),
          .work = {after.images - before.images, after.seconds - before.seconds},
          .copy_seconds = copies.seconds() - copied_before,
          .copied_images = batches * options.batch};
}

}  // namespace cf::apps
