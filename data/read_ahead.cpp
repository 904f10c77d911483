#include "data/read_ahead.h"

#include <algorithm>

namespace cf::data {
namespace {

constexpr std::int64_t kBlock = EpochOrder::kBlock, kWindowBlocks = EpochOrder::kWindowBlocks;

std::int64_t parts_of(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

}  // namespace

ReadAhead::ReadAhead(const Dataset& dataset, const BatchPlan& plan, Shuffle shuffle, std::uint64_t seed)
    : dataset_(dataset),
      plan_(plan),
      shuffle_(shuffle),
      seed_(seed),
      reached_slots_(parts_of(plan.samples_per_epoch(), kBlock)),
      used_slots_(std::min(parts_of(dataset.size(), kBlock),
                           parts_of(reached_slots_, kWindowBlocks) * kWindowBlocks)) {}

void ReadAhead::begin() const {
  if (shuffle_ != Shuffle::Block) return;
  const BatchPlan::Position first = plan_.position(0);
  const std::int64_t slot = plan_.place(first.first).position / kBlock;
  for (std::int64_t s = slot / kWindowBlocks * kWindowBlocks; s < slot + kWindowBlocks; ++s) {
    tell(first.epoch, s);
  }
}

void ReadAhead::reached(std::int64_t epoch, std::int64_t position) const {
  if (shuffle_ != Shuffle::Block || position % kBlock != 0) return;
  const std::int64_t slot = position / kBlock;
  tell(epoch, slot + kWindowBlocks);
  if (slot + 1 < reached_slots_) return;
  // The rest of the epoch's positions do not come.
  for (std::int64_t s = slot + 1; s < used_slots_; ++s) tell(epoch, s + kWindowBlocks);
}

// Slots behind the end of the epoch are those of the next one.
void ReadAhead::tell(std::int64_t epoch, std::int64_t slot) const {
  if (slot >= used_slots_) {
    slot -= used_slots_;
    ++epoch;
  }
  if (slot >= used_slots_) return;  // fewer blocks than a window: told of already
  const EpochOrder::Run run = EpochOrder(dataset_.size(), shuffle_, seed_, epoch).run_of_slot(slot);
  const std::int64_t before_end = std::min(run.count, dataset_.size() - run.first);
  dataset_.will_read(run.first, before_end);
  if (before_end < run.count) dataset_.will_read(0, run.count - before_end);
}

}  // namespace cf::data
