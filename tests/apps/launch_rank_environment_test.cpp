#include "apps/launch/rank_environment.h"

#include <gtest/gtest.h>

#include <map>

#include "apps/launch/local_ranks.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

using Environment = std::map<std::string, std::string>;

std::optional<RankEnvironment> ranks_in(const Environment& environment, const std::string& master = "") {
  return rank_environment(
      [&](const std::string& name) -> std::optional<std::string> {
        const auto found = environment.find(name);
        return found == environment.end() ? std::nullopt : std::optional(found->second);
      },
      master);
}

Environment joined(Environment a, const Environment& b) {
  a.insert(b.begin(), b.end());
  return a;
}

void expect_ranks(const std::optional<RankEnvironment>& ranks, const std::string& launcher, int rank,
                  int world, int local_rank, const std::string& host, int port) {
  ASSERT_TRUE(ranks);
  EXPECT_EQ(ranks->launcher, launcher);
  EXPECT_EQ(ranks->rank, rank);
  EXPECT_EQ(ranks->world, world);
  EXPECT_EQ(ranks->local_rank, local_rank);
  EXPECT_EQ(ranks->host, host);
  EXPECT_EQ(ranks->port, port);
}

void expect_refused(const Environment& environment, const std::string& words,
                    const std::string& master = "") {
  try {
    ranks_in(environment, master);
    ADD_FAILURE() << "not refused: " << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

const Environment kTorchrun{{"RANK", "3"},
                            {"WORLD_SIZE", "8"},
                            {"LOCAL_RANK", "1"},
                            {"MASTER_ADDR", "node7"},
                            {"MASTER_PORT", "29500"}};
const Environment kOpenMpi{{"OMPI_COMM_WORLD_RANK", "2"},
                           {"OMPI_COMM_WORLD_SIZE", "4"},
                           {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
                           {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
const Environment kSlurmJob{{"SLURM_JOB_ID", "12345"},
                            {"SLURM_PROCID", "0"},
                            {"SLURM_NTASKS", "4"},
                            {"SLURM_LOCALID", "0"},
                            {"SLURM_JOB_NODELIST", "gpu[003-004,9]"}};
const Environment kSlurmStep =
    joined({{"SLURM_STEP_ID", "0"}, {"SLURM_PROCID", "2"}, {"SLURM_LOCALID", "1"}}, kSlurmJob);

TEST(RankEnvironment, NoLauncherIsOneRank) {
  EXPECT_FALSE(ranks_in({}));
  EXPECT_FALSE(ranks_in({{"RANK", "0"}}));  // of something else
  EXPECT_FALSE(ranks_in({{"WORLD_SIZE", "2"}}));
}

TEST(RankEnvironment, Torchrun) { expect_ranks(ranks_in(kTorchrun), "torchrun", 3, 8, 1, "node7", 29501); }

TEST(RankEnvironment, OpenMpi) {
  expect_ranks(ranks_in(kOpenMpi, "node1:4000"), "Open MPI", 2, 4, 0, "node1", 4000);
  expect_ranks(ranks_in(joined(kOpenMpi, {{"MASTER_ADDR", "node2"}, {"MASTER_PORT", "5000"}})), "Open MPI", 2,
               4, 0, "node2", 5000);
  expect_ranks(ranks_in(joined(kOpenMpi, {{"MASTER_ADDR", "node2"}})), "Open MPI", 2, 4, 0, "node2", 29511);
}

TEST(RankEnvironment, OpenMpiOnOneHostNeedsNoAddress) {
  expect_ranks(ranks_in(joined({{"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}}, kOpenMpi)), "Open MPI", 2, 4, 0,
               "127.0.0.1", 29511);
  expect_refused(kOpenMpi, "give --master HOST:PORT");
}

TEST(RankEnvironment, Mpich) {
  const Environment mpich{
      {"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}};
  expect_ranks(ranks_in(mpich), "MPICH", 1, 2, 1, "127.0.0.1", 29511);
  expect_ranks(ranks_in(mpich, "h:1"), "MPICH", 1, 2, 1, "h", 1);
}

TEST(RankEnvironment, SlurmInsideAStepOnly) {
  expect_ranks(ranks_in(kSlurmStep), "Slurm", 2, 4, 1, "gpu003", 22345);
  EXPECT_FALSE(ranks_in(kSlurmJob));  // the batch script
  for (const char* special : {"4294967290", "4294967291"}) {
    EXPECT_FALSE(ranks_in(joined({{"SLURM_STEP_ID", special}}, kSlurmJob))) << special;
  }
}

// mpirun inside a Slurm job starts its daemons by srun: its processes inherit the daemons' variables.
TEST(RankEnvironment, MpirunInsideASlurmJob) {
  expect_ranks(ranks_in(joined(kOpenMpi, kSlurmStep), "gpu003:4000"), "Open MPI", 2, 4, 0, "gpu003", 4000);
}

TEST(RankEnvironment, TorchrunInsideASlurmStep) {
  expect_ranks(ranks_in(joined(kTorchrun, kSlurmStep)), "torchrun", 3, 8, 1, "node7", 29501);
}

TEST(RankEnvironment, AWorldOfOneIsOneRank) {
  EXPECT_FALSE(ranks_in(joined({{"RANK", "0"}, {"WORLD_SIZE", "1"}}, kTorchrun)));
  EXPECT_FALSE(ranks_in(joined({{"SLURM_NTASKS", "1"}, {"SLURM_PROCID", "0"}}, kSlurmStep)));
}

TEST(RankEnvironment, SaysWhatIsWrong) {
  expect_refused({{"RANK", "0"}, {"WORLD_SIZE", "2"}}, "MASTER_ADDR is not set");
  expect_refused(joined({{"MASTER_PORT", "x"}}, kTorchrun), "MASTER_PORT is 'x', must be a number from 1");
  expect_refused(joined({{"RANK", "8"}}, kTorchrun), "RANK is '8', must be a number from 0 to 7");
  expect_refused(joined({{"SLURM_JOB_NODELIST", "a[1"}}, kSlurmStep), "no closing bracket");
  expect_refused(kOpenMpi, "must be HOST:PORT", "node1");
  expect_refused(kOpenMpi, "the port of --master is '0'", "node1:0");
}

TEST(FirstHost, OfSlurmsLists) {
  EXPECT_EQ(first_host("node7"), "node7");
  EXPECT_EQ(first_host("node7,node9"), "node7");
  EXPECT_EQ(first_host("gpu[003-010,12],login1"), "gpu003");
  EXPECT_EQ(first_host("gpu[12,14-20]"), "gpu12");
  EXPECT_EQ(first_host("rack[1-2]-ib,other"), "rack1-ib");
  EXPECT_EQ(first_host("a-1,b-[2-3]"), "a-1");
}

TEST(RankCount, IsAPositiveNumber) {
  EXPECT_EQ(parse_rank_count("4", 0), 4);
  for (const char* bad : {"0", "-1", "x", "2x", "", "all"}) {
    EXPECT_THROW(parse_rank_count(bad, 0), Error) << bad;
  }
  EXPECT_EQ(parse_rank_count("2", 8), 2);
  EXPECT_EQ(parse_rank_count("all", 8), 8);
  EXPECT_THROW(parse_rank_count("9", 8), Error);
}

}  // namespace
}  // namespace cf::apps
