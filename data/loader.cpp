#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "data/batch_plan.h"
#include "data/prepare.h"
#include "data/read_ahead.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

void check(const LoaderOptions& options) {
  const auto positive = [](const char* what, std::int64_t value) {
    CF_CHECK_AS(ErrorKind::Usage, value >= 1, what, " is ", value, ", must be at least 1");
  };
  positive("batch", options.batch);
  positive("image height", options.height);
  positive("image width", options.width);
  positive("threads", options.threads);
  positive("queue", options.queue);
  positive("ranks", options.ranks);
  CF_CHECK_AS(ErrorKind::Usage, options.channels == 1 || options.channels == 3, "channels are ",
              options.channels, ", must be 1 or 3");
  CF_CHECK_AS(ErrorKind::Usage, options.rank >= 0 && options.rank < options.ranks, "rank ", options.rank,
              " of ", options.ranks);
  CF_CHECK_AS(ErrorKind::Usage, options.on_corrupt == OnCorrupt::Error || options.shuffle != Shuffle::None,
              "corrupt samples can be substituted in training only");
  if (options.augment) check(options.augmentation);
}

LoaderOptions completed(LoaderOptions options, const Dataset& dataset) {
  if (options.channels == 0) options.channels = dataset.channels();
  check(options);
  return options;
}

// A batch in the making. Sequence numbers count batches from where the loader began.
struct Slot {
  Batch batch;
  std::int64_t first_position = 0;  // in the order of the epoch
  std::int64_t prepared = 0;
  std::exception_ptr error;  // of the lowest sample that failed
  std::int64_t error_at = 0;
};

// What a thread keeps from image to image.
struct Worker {
  Preparer preparer;
  EncodedImage encoded;
  double read_seconds = 0;

  StageSeconds seconds() const {
    StageSeconds all = preparer.seconds();
    all.read = read_seconds;
    return all;
  }
};

}  // namespace

struct Loader::State {
  State(const Dataset& data, const LoaderOptions& loader_options)
      : dataset(data),
        options(loader_options),
        plan(data.size(), loader_options),
        read_ahead(data, plan, loader_options.shuffle, loader_options.seed),
        corrupt(loader_options.corrupt_limit, loader_options.on_substitute) {
    slots.resize(static_cast<std::size_t>(options.queue));
    chunk = std::clamp(options.batch / (options.threads * 4), 1, 64);
  }

  void work(const std::stop_token& stop, bool is_first);
  void fill(Worker& worker, Slot& slot, std::int64_t first, std::int64_t last, const std::stop_token& stop);
  void make(Worker& worker, std::int64_t epoch, std::int64_t sample, int repetition, std::uint8_t* out);
  std::int64_t make_or_substitute(Worker& worker, std::int64_t epoch, std::int64_t sample, int repetition,
                                  std::uint8_t* out);
  void start_slot(Slot& slot, std::int64_t sequence);
  Slot& slot_of(std::int64_t sequence) {
    return slots[static_cast<std::size_t>(sequence % static_cast<std::int64_t>(slots.size()))];
  }

  const Dataset& dataset;
  const LoaderOptions options;
  const BatchPlan plan;
  const ReadAhead read_ahead;
  CorruptRecords corrupt;
  std::int64_t chunk;  // samples a thread takes at once

  std::mutex mutex;
  std::condition_variable_any work_available;
  std::condition_variable batch_ready;
  std::vector<Slot> slots;
  std::vector<Batch> spare;
  std::int64_t taken = 0;        // the next sequence number for the consumer
  std::int64_t handing_out = 0;  // the sequence number whose samples are being handed to threads
  std::int64_t next_sample = 0;  // of that batch
  bool slot_started = false;     // whether the slot of handing_out is set up
  double waited = 0;
  LoaderWork done;
  std::vector<std::jthread> threads;  // last: they end before what they use does
};

// Gives the slot memory and says which samples it will hold. Called with the mutex held.
void Loader::State::start_slot(Slot& slot, std::int64_t sequence) {
  const BatchPlan::Position position = plan.position(sequence);
  if (slot.batch.images.capacity() == 0 && !spare.empty()) {
    slot.batch = std::move(spare.back());
    spare.pop_back();
  }
  Batch& batch = slot.batch;
  batch.epoch = position.epoch;
  batch.index = position.batch;
  batch.height = options.height;
  batch.width = options.width;
  batch.channels = options.channels;
  const auto size = static_cast<std::size_t>(position.size);
  batch.labels.resize(size);
  batch.samples.resize(size);
  const std::size_t bytes = size * static_cast<std::size_t>(options.height) *
                            static_cast<std::size_t>(options.width) *
                            static_cast<std::size_t>(options.channels);
  try {
    batch.images.resize(bytes);
  } catch (const std::exception&) {
    fail(ErrorKind::Device, "no memory for a batch of ", size, " images of ", options.height, "x",
         options.width, " pixels, ", bytes, " bytes; a smaller batch or image size needs less");
  }
  slot.first_position = position.first;
}

void Loader::State::make(Worker& worker, std::int64_t epoch, std::int64_t sample, int repetition,
                         std::uint8_t* out) {
  const ImageSize target{options.height, options.width};
  StageClock clock;
  dataset.read(sample, worker.encoded);
  clock.end_of(worker.read_seconds);
  in_context([&] { return dataset.name(sample); },
             [&] {
               if (options.augment) {
                 worker.preparer.for_training(worker.encoded, options.augmentation, options.seed, epoch,
                                              sample_draw(sample, repetition), target, options.channels, out);
               } else {
                 worker.preparer.for_evaluation(worker.encoded,
                                                {.target = target,
                                                 .channels = options.channels,
                                                 .crop = options.crop,
                                                 .filter = options.filter,
                                                 .fit = options.fit,
                                                 .upright = options.upright},
                                                out);
               }
             });
}

// Gives the sample that was made: this one or, where allowed, the next readable one of its class.
std::int64_t Loader::State::make_or_substitute(Worker& worker, std::int64_t epoch, std::int64_t sample,
                                               int repetition, std::uint8_t* out) {
  std::int64_t candidate = sample;
  while (true) {
    try {
      make(worker, epoch, candidate, repetition, out);
      return candidate;
    } catch (const Error& error) {
      if (options.on_corrupt == OnCorrupt::Error || error.kind() != ErrorKind::Data) throw;
      corrupt.add(candidate, error.what());
      candidate = next_of_class(dataset, candidate);
      if (candidate == sample) throw;
    }
  }
}

// Samples [first, last) of the slot's batch.
void Loader::State::fill(Worker& worker, Slot& slot, std::int64_t first, std::int64_t last,
                         const std::stop_token& stop) {
  Batch& batch = slot.batch;
  const EpochOrder order(dataset.size(), options.shuffle, options.seed, batch.epoch);
  const std::int64_t image_bytes = std::int64_t{options.height} * options.width * options.channels;
  for (std::int64_t i = first; i < last && !stop.stop_requested(); ++i) {
    try {
      const BatchPlan::Place place = plan.place(slot.first_position + i);
      if (place.repetition == 0) read_ahead.reached(batch.epoch, place.position);
      const std::int64_t sample = make_or_substitute(worker, batch.epoch, order(place.position),
                                                     place.repetition, batch.images.data() + i * image_bytes);
      batch.samples[static_cast<std::size_t>(i)] = sample;
      batch.labels[static_cast<std::size_t>(i)] = dataset.label(sample);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!slot.error || i < slot.error_at) {
        slot.error = std::current_exception();
        slot.error_at = i;
      }
      return;
    }
  }
}

void Loader::State::work(const std::stop_token& stop, bool is_first) {
  Worker worker;
  if (is_first) read_ahead.begin();
  std::unique_lock lock(mutex);
  while (true) {
    work_available.wait(lock, stop, [&] {
      return handing_out < taken + options.queue && handing_out < plan.total_batches();
    });
    if (stop.stop_requested()) return;
    Slot& slot = slot_of(handing_out);
    if (!slot_started) {
      slot.prepared = 0;
      slot.error = nullptr;
      try {
        start_slot(slot, handing_out);
      } catch (...) {  // an empty batch with an error, which the consumer gets
        slot.batch = {};
        slot.error = std::current_exception();
        slot.error_at = 0;
      }
    }
    slot_started = true;
    const std::int64_t size = slot.batch.size();
    const std::int64_t first = next_sample;
    const std::int64_t last = std::min(size, first + chunk);
    next_sample = last;
    if (last == size) {
      ++handing_out;
      next_sample = 0;
      slot_started = false;
    }
    lock.unlock();
    const StageSeconds before = worker.seconds();
    fill(worker, slot, first, last, stop);
    const StageSeconds after = worker.seconds();
    lock.lock();
    done.images += last - first;
    done.seconds += after - before;
    slot.prepared += last - first;
    if (slot.prepared == size) batch_ready.notify_one();
  }
}

Loader::Loader(const Dataset& dataset, LoaderOptions options)
    : state_(std::make_unique<State>(dataset, completed(std::move(options), dataset))) {
  State& s = *state_;
  try {
    for (int i = 0; i < s.options.threads; ++i) {
      s.threads.emplace_back([&s, i](const std::stop_token& stop) { s.work(stop, i == 0); });
    }
  } catch (const std::system_error& error) {
    fail(ErrorKind::Usage, "cannot start ", s.options.threads, " threads that decode images: ", error.what());
  }
}

// All are told before the first is waited for.
Loader::~Loader() {
  for (auto& thread : state_->threads) thread.request_stop();
}

std::int64_t Loader::batches_per_epoch() const { return state_->plan.batches_per_epoch(); }

Batch Loader::next() {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  if (s.taken >= s.plan.total_batches()) return {};
  Slot& slot = s.slot_of(s.taken);
  const auto ready = [&] {
    const bool all_handed_out = s.handing_out > s.taken;
    return all_handed_out && slot.prepared == slot.batch.size();
  };
  if (!ready()) {
    const auto begin = std::chrono::steady_clock::now();
    s.batch_ready.wait(lock, ready);
    s.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  const std::exception_ptr error = std::exchange(slot.error, nullptr);
  Batch batch;
  if (!error) batch = std::exchange(slot.batch, Batch{});
  ++s.taken;
  s.work_available.notify_all();
  lock.unlock();
  if (error) std::rethrow_exception(error);
  return batch;
}

void Loader::recycle(Batch&& batch) {
  const std::lock_guard lock(state_->mutex);
  if (std::ssize(state_->spare) < state_->options.queue) state_->spare.push_back(std::move(batch));
}

double Loader::waited_seconds() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited;
}

LoaderWork Loader::work() const {
  const std::lock_guard lock(state_->mutex);
  return state_->done;
}

}  // namespace cf::data
