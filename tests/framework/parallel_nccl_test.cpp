// Collectives between GPUs, each of a rank that is a thread. Skipped where there are not two GPUs.

#include "framework/parallel/communicator.h"
#include "framework/runtime/captured_work.h"
#include "kernels/base/philox.h"
#include "tests/framework/parallel_ranks.h"

namespace cf {
namespace {

constexpr int kRanks = 2;
constexpr std::int64_t kLength = 100'003;

std::vector<float> values_of(int rank) {
  Philox draw(11, Purpose::Test, static_cast<std::uint64_t>(rank));
  std::vector<float> values(kLength);
  for (float& value : values) value = draw.normal();
  return values;
}

class Nccl : public testing::Test {
 protected:
  void SetUp() override {
    if (const GpuCount gpus = count_gpus(); gpus.count < kRanks)
      GTEST_SKIP() << "needs " << kRanks << " GPUs, there are " << gpus.count << " " << gpus.why_none;
  }
};

TEST_F(Nccl, SumsAndGathersAndBroadcastsOutsideAndInsideOfAGraph) {
  expect_all_well(run_ranks(kRanks, [](Rendezvous& rendezvous) {
    const int rank = rendezvous.rank();
    const auto ranks = make_nccl_communicator(rendezvous, rank);
    const auto executor = Executor::cuda(rank, DType::Float32);
    const GpuStream* stream = executor->stream();
    const auto wait = [&] { ranks->wait_for_gpu([&] { executor->synchronize(); }); };

    const Tensor sum = executor->place<float>(values_of(rank), Shape(I{kLength}));
    ranks->sum_over_ranks(sum, stream);
    wait();
    std::vector<float> expected = values_of(0);
    const auto others = values_of(1);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += others[i];
    EXPECT_EQ(executor->floats(sum), expected);

    const Tensor gathered =
        executor->place<float>(std::vector<float>(kRanks, static_cast<float>(rank)), Shape(I{kRanks}));
    const Tensor sent = executor->place<float>(values_of(rank), Shape(I{kLength}));
    const CapturedWork work(*executor, [&] {
      ranks->sum_over_ranks(sum, stream);
      ranks->gather_from_ranks(gathered, stream);
      ranks->broadcast_to_ranks(sent, stream);
    });
    for (int i = 0; i < 3; ++i) work.replay();
    wait();
    for (float& value : expected) value *= 8;
    EXPECT_EQ(executor->floats(sum), expected);
    EXPECT_EQ(executor->floats(gathered), (std::vector<float>{0, 1}));
    EXPECT_EQ(executor->floats(sent), values_of(0));
    ranks->barrier();
  }));
}

// Rank 0's GPU waits for a sum to which rank 1 does not come.
TEST_F(Nccl, AnErrorOfOneRankEndsWhatTheGpuOfAnotherWaitsFor) {
  for (const bool in_graph : {false, true}) {
    SCOPED_TRACE(in_graph);
    const auto ends = run_ranks(kRanks, [in_graph](Rendezvous& rendezvous) {
      const int rank = rendezvous.rank();
      const auto ranks = make_nccl_communicator(rendezvous, rank);
      const auto executor = Executor::cuda(rank, DType::Float32);
      const Tensor sum = executor->place<float>(values_of(rank), Shape(I{kLength}));
      const auto add = [&] { ranks->sum_over_ranks(sum, executor->stream()); };
      std::unique_ptr<CapturedWork> work;
      if (in_graph) work = std::make_unique<CapturedWork>(*executor, add);
      ranks->barrier();
      if (rank == 1) {
        rendezvous.report_failure(ErrorKind::Data, "image 17 is torn");
        fail(ErrorKind::Data, "image 17 is torn");
      }
      in_graph ? work->replay() : add();
      ranks->wait_for_gpu([&] { executor->synchronize(); });
    });
    expect_all_failed(ends, ErrorKind::Data, "image 17 is torn");
  }
}

// Beats do not stop: only the deadline tells.
TEST_F(Nccl, NamesTheRankThatDoesNotCome) {
  const auto ends = run_ranks(kRanks, [](Rendezvous& rendezvous) {
    const int rank = rendezvous.rank();
    const auto ranks = make_nccl_communicator(rendezvous, rank);
    const auto executor = Executor::cuda(rank, DType::Float32);
    const Tensor sum = executor->place<float>(values_of(rank), Shape(I{kLength}));
    ranks->barrier();
    if (rank == 1) {
      while (true) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        rendezvous.check();
      }
    }
    ranks->sum_over_ranks(sum, executor->stream());
    ranks->wait_for_gpu([&] { executor->synchronize(); });
  });
  expect_all_failed(ends, ErrorKind::Communication, "rank 1 (host ");
}

}  // namespace
}  // namespace cf
