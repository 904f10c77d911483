#include "apps/bench/data_benchmark.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "apps/host/resident_memory.h"

namespace cf::apps {

namespace {

using Clock = std::chrono::steady_clock;

double elapsed_since(Clock::time_point start) {
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
  seconds_ += elapsed_since(start);
}

LoaderRate measure_loader(const data::Dataset& dataset, data::LoaderOptions options, const LoaderRun& run,
                          Executor& executor) {
  options.threads = run.threads;
  BatchCopies copies(executor, options);
  data::Loader loader(dataset, options);
  // More batches than can have been ready before.
  const auto take_batches_for = [&](double seconds, std::int64_t images) {
    const auto start = Clock::now();
    std::int64_t batches = 0;
    while (batches * options.batch < images && (batches <= options.queue || elapsed_since(start) < seconds)) {
      data::Batch batch = loader.next();
      copies.copy(batch);
      loader.recycle(std::move(batch));
      ++batches;
    }
    return batches;
  };
  LoaderRate rate{.threads = run.threads};
  data::LoaderWork before;
  if (run.warm_up > 0) {
    take_batches_for(run.warm_up, run.images);
    before = loader.work();
  }
  const double copied_before = copies.seconds();
  rate.resident_at_begin = resident_memory();
  const auto start = Clock::now();
  rate.copied_images = options.batch * take_batches_for(run.seconds, run.images);
  rate.seconds = elapsed_since(start);
  rate.resident_at_end = resident_memory();
  const data::LoaderWork after = loader.work();
  rate.work = {after.images - before.images, after.seconds - before.seconds};
  rate.copy_seconds = copies.seconds() - copied_before;
  return rate;
}

}  // namespace cf::apps
