#include <cmath>
#include <cstring>
#include <numeric>

#include "framework/parallel/communicator.h"
#include "kernels/base/philox.h"
#include "tests/framework/parallel_ranks.h"

namespace cf {
namespace {

std::vector<float> values_of(int rank, std::size_t count) {
  Philox draw(7, Purpose::Test, static_cast<std::uint64_t>(rank));
  std::vector<float> values(count);
  for (float& value : values) value = draw.normal();
  return values;
}

class Collectives : public testing::TestWithParam<int> {};

TEST_P(Collectives, SumsHaveEqualBitsOnAllRanksAndInEveryRun) {
  const int world = GetParam();
  for (const std::size_t count : {1U, 3U, 1000U, 1'500'001U}) {
    SCOPED_TRACE(count);
    std::vector<double> expected(count);
    for (int rank = 0; rank < world; ++rank) {
      const auto values = values_of(rank, count);
      for (std::size_t i = 0; i < count; ++i) expected[i] += static_cast<double>(values[i]);
    }
    std::vector<std::vector<float>> sums(static_cast<std::size_t>(world));
    expect_all_well(run_ranks(world, [&](Rendezvous& rendezvous) {
      const auto communicator = make_gloo_communicator(rendezvous);
      auto values = values_of(rendezvous.rank(), count);
      auto again = values;
      communicator->all_reduce_sum(values);
      communicator->all_reduce_sum(again);
      EXPECT_EQ(std::memcmp(values.data(), again.data(), count * sizeof(float)), 0);
      sums[static_cast<std::size_t>(rendezvous.rank())] = values;
    }));
    for (const auto& sum : sums) {
      ASSERT_EQ(sum.size(), count);
      EXPECT_EQ(std::memcmp(sum.data(), sums[0].data(), count * sizeof(float)), 0);
    }
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_NEAR(static_cast<double>(sums[0][i]), expected[i], 1e-5) << i;
  }
}

TEST(CollectiveTime, IsThatOfTheRanksThatWait) {
  constexpr auto kLate = std::chrono::milliseconds(200);
  std::vector<double> seconds(2);
  expect_all_well(run_ranks(2, [&](Rendezvous& rendezvous) {
    const auto communicator = make_gloo_communicator(rendezvous);
    std::vector<float> values(10, 1.0F);
    communicator->all_reduce_sum(values);
    const double before = communicator->seconds_in_collectives().value();
    if (rendezvous.rank() == 1) std::this_thread::sleep_for(kLate);
    communicator->all_reduce_sum(values);
    seconds[static_cast<std::size_t>(rendezvous.rank())] =
        communicator->seconds_in_collectives().value() - before;
  }));
  EXPECT_GT(seconds[0], 0.15);
  EXPECT_GT(seconds[1], 0);
  EXPECT_LT(seconds[1], seconds[0]);
  EXPECT_FALSE(single_rank().seconds_in_collectives());
}

TEST_P(Collectives, ANanReachesAllRanks) {
  expect_all_well(run_ranks(GetParam(), [](Rendezvous& rendezvous) {
    const auto communicator = make_gloo_communicator(rendezvous);
    std::vector<float> values(100, 1.0F);
    if (rendezvous.rank() == rendezvous.world() - 1) values[37] = std::nanf("");
    communicator->all_reduce_sum(values);
    EXPECT_TRUE(std::isnan(values[37]));
    EXPECT_EQ(values[38], static_cast<float>(rendezvous.world()));
  }));
}

TEST_P(Collectives, IntegersAreSummedExactly) {
  expect_all_well(run_ranks(GetParam(), [](Rendezvous& rendezvous) {
    const auto communicator = make_gloo_communicator(rendezvous);
    const std::int64_t big = std::int64_t{1} << 60;
    std::vector<std::int64_t> values{big + rendezvous.rank(), -1};
    communicator->all_reduce_sum(values);
    const std::int64_t world = rendezvous.world();
    EXPECT_EQ(values[0], world * big + world * (world - 1) / 2);
    EXPECT_EQ(values[1], -world);
  }));
}

TEST_P(Collectives, RankZerosBytesReachAllRanks) {
  expect_all_well(run_ranks(GetParam(), [](Rendezvous& rendezvous) {
    const auto communicator = make_gloo_communicator(rendezvous);
    std::vector<float> values = values_of(rendezvous.rank(), 12'345);
    communicator->broadcast(std::as_writable_bytes(std::span(values)));
    EXPECT_EQ(values, values_of(0, 12'345));
    communicator->broadcast({});
  }));
}

TEST_P(Collectives, EveryRankGetsThePartsOfAll) {
  expect_all_well(run_ranks(GetParam(), [](Rendezvous& rendezvous) {
    const auto communicator = make_gloo_communicator(rendezvous);
    const int world = communicator->world();
    std::vector<std::int64_t> parts(static_cast<std::size_t>(3 * world), -1);
    for (int i = 0; i < 3; ++i)
      parts[static_cast<std::size_t>(3 * communicator->rank() + i)] = 10 * communicator->rank() + i;
    communicator->all_gather(std::as_writable_bytes(std::span(parts)));
    for (int rank = 0; rank < world; ++rank) {
      for (int i = 0; i < 3; ++i) EXPECT_EQ(parts[static_cast<std::size_t>(3 * rank + i)], 10 * rank + i);
    }
  }));
}

INSTANTIATE_TEST_SUITE_P(World, Collectives, testing::Values(2, 3, 4));

TEST(Communicator, NamesTheRankThatDoesNotCome) {
  const auto ends = run_ranks(3, [](Rendezvous& rendezvous) {
    const auto communicator = make_gloo_communicator(rendezvous);
    if (rendezvous.rank() == 2) {
      while (true) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        rendezvous.check();
      }
    }
    std::vector<float> values(1000);
    communicator->all_reduce_sum(values);
  });
  expect_all_failed(ends, ErrorKind::Communication, "rank 2 (host ");
}

TEST(Communicator, AnErrorOfOneRankEndsTheCollectiveOfTheOthers) {
  const auto ends = run_ranks(3, [](Rendezvous& rendezvous) {
    const auto communicator = make_gloo_communicator(rendezvous);
    if (rendezvous.rank() == 1) fail(ErrorKind::Data, "image 17 is torn");
    std::vector<float> values(1000);
    communicator->all_reduce_sum(values);
  });
  expect_all_failed(ends, ErrorKind::Data, "image 17 is torn");
}

TEST(Communicator, OneRankHasNothingToDo) {
  std::vector<float> values{1, 2};
  single_rank().all_reduce_sum(values);
  single_rank().broadcast(std::as_writable_bytes(std::span(values)));
  single_rank().all_gather(std::as_writable_bytes(std::span(values)));
  EXPECT_EQ(values, (std::vector<float>{1, 2}));
  EXPECT_EQ(single_rank().vote(-3), -3);
  EXPECT_EQ(single_rank().world(), 1);
}

}  // namespace
}  // namespace cf
