// With Shuffle::Block: tells the data set of samples some time before they are read.
#pragma once

#include <cstdint>

#include "data/batch_plan.h"
#include "data/dataset.h"
#include "data/sampler.h"

namespace cf::data {

class ReadAhead {
 public:
  // Both must outlive it.
  ReadAhead(const Dataset& dataset, const BatchPlan& plan, Shuffle shuffle, std::uint64_t seed);

  // Of the samples that come first: a window of them.
  void begin() const;

  // When the sample at a position of an epoch's order comes: of those that come a window later, perhaps in
  // the next epoch. Every block is told of once, by whichever rank has the position: on its host alone.
  void reached(std::int64_t epoch, std::int64_t position) const;

 private:
  void tell(std::int64_t epoch, std::int64_t slot) const;

  const Dataset& dataset_;
  const BatchPlan& plan_;
  Shuffle shuffle_;
  std::uint64_t seed_;
  std::int64_t reached_slots_;  // of an epoch: those in which a position of a batch lies
  std::int64_t used_slots_;     // those in whose windows one lies
};

}  // namespace cf::data
