// A communicator that takes notes and behaves as if another rank had the same.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "framework/parallel/communicator.h"

namespace cf {

class NoteTakingCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int world() const override { return 2; }
  int ranks_on_host() const override { return 2; }
  void all_reduce_sum(std::span<float> values) override {
    if (on_sum) on_sum();
    sums.push_back(values);
    for (float& value : values) value *= 2;
  }
  void all_reduce_sum(std::span<std::int64_t>) override { FAIL(); }
  void broadcast(std::span<std::byte>) override { FAIL(); }
  void all_gather(std::span<std::byte> bytes) override { gathers.push_back(bytes); }
  std::int64_t begin_vote(std::int64_t value) override { return value; }
  std::int64_t vote_result(std::int64_t ticket) override { return ticket; }

  std::function<void()> on_sum;  // called before each
  std::vector<std::span<float>> sums;
  std::vector<std::span<std::byte>> gathers;
};

}  // namespace cf
