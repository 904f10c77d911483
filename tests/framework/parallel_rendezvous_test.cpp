#include <atomic>
#include <mutex>

#include "tests/framework/parallel_ranks.h"

namespace cf {
namespace {

using std::chrono::milliseconds;

TEST(Rendezvous, AllRanksKnowEachOther) {
  expect_all_well(run_ranks(4, [](Rendezvous& rendezvous) {
    ASSERT_EQ(rendezvous.ranks().size(), 4U);
    for (int rank = 0; rank < 4; ++rank) {
      const auto& identity = rendezvous.ranks()[static_cast<std::size_t>(rank)];
      EXPECT_EQ(identity.rank, rank);
      EXPECT_EQ(identity.address, "127.0.0.1");
      EXPECT_GT(identity.process, 0);
    }
  }));
}

TEST(Rendezvous, AVoteIsTheHighestValueOnAllRanks) {
  expect_all_well(run_ranks(3, [](Rendezvous& rendezvous) {
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(rendezvous.vote(rendezvous.rank() == i % 3 ? i : -i), i);
    }
    EXPECT_EQ(rendezvous.vote(-rendezvous.rank() - 1), -1);
  }));
}

TEST(Rendezvous, VotesMayBeOpenWhileOthersAreHeld) {
  expect_all_well(run_ranks(3, [](Rendezvous& rendezvous) {
    std::int64_t open = rendezvous.begin_vote(rendezvous.rank());
    for (int i = 1; i < 20; ++i) {
      const std::int64_t next = rendezvous.begin_vote(rendezvous.rank() + i);
      EXPECT_EQ(rendezvous.vote(-rendezvous.rank()), 0);
      EXPECT_EQ(rendezvous.vote_result(open), 2 + i - 1);
      open = next;
    }
  }));
}

TEST(Rendezvous, NoRankPassesABarrierBeforeAllAreThere) {
  std::atomic<int> arrived = 0;
  expect_all_well(run_ranks(4, [&](Rendezvous& rendezvous) {
    std::this_thread::sleep_for(milliseconds(20 * rendezvous.rank()));
    ++arrived;
    rendezvous.barrier();
    EXPECT_EQ(arrived, 4);
  }));
}

TEST(Rendezvous, AValueIsWaitedFor) {
  expect_all_well(run_ranks(2, [&](Rendezvous& rendezvous) {
    const std::string bytes(100'000, '\0');
    if (rendezvous.rank() == 0) {
      EXPECT_EQ(rendezvous.get("late"), bytes);
    } else {
      std::this_thread::sleep_for(milliseconds(50));
      rendezvous.set("late", bytes);
      EXPECT_EQ(rendezvous.get("late"), bytes);
    }
  }));
}

TEST(Rendezvous, NamesTheRankOfAnotherWorld) {
  const auto ends = run_ranks(
      3, [](Rendezvous& rendezvous) { rendezvous.barrier(); },
      [](RendezvousOptions& options) {
        if (options.rank == 2) options.world = 8;
      });
  expect_all_failed(ends, ErrorKind::Usage, "rank 2 (host ");
  expect_all_failed(ends, ErrorKind::Usage, "was started as one of 8, rank 0 as one of 3");
}

TEST(Rendezvous, ARankThatComesAfterAFailureIsToldToo) {
  const auto ends = run_ranks(
      3, [](Rendezvous& rendezvous) { rendezvous.barrier(); },
      [](RendezvousOptions& options) {
        if (options.rank == 2) options.world = 8;
        if (options.rank == 1) std::this_thread::sleep_for(milliseconds(500));
      });
  expect_all_failed(ends, ErrorKind::Usage, "was started as one of 8, rank 0 as one of 3");
}

TEST(Rendezvous, NamesTheRankOfAnotherBuild) {
  const auto ends = run_ranks(
      3, [](Rendezvous& rendezvous) { rendezvous.barrier(); },
      [](RendezvousOptions& options) { options.build = std::string(options.rank == 0 ? "old" : "new"); });
  expect_all_failed(ends, ErrorKind::Usage, "rank 0 (host ");
  expect_all_failed(ends, ErrorKind::Usage, "runs the program built from old, the other ranks from new");
}

TEST(Rendezvous, NamesTheRankOfAnotherConfigurationAndTheLine) {
  const auto ends = run_ranks(
      3, [](Rendezvous& rendezvous) { rendezvous.barrier(); },
      [](RendezvousOptions& options) {
        options.configuration = "seed = 0\nlr = 0.1\n";
        if (options.rank == 1) options.configuration = "seed = 0\nlr = 0.2\n";
      });
  expect_all_failed(ends, ErrorKind::Usage, "rank 1 (host ");
  expect_all_failed(ends, ErrorKind::Usage, "'lr = 0.2', elsewhere 'lr = 0.1'");
}

TEST(Rendezvous, NamesTwoRanksOnOneGpu) {
  const auto ends = run_ranks(
      3, [](Rendezvous& rendezvous) { rendezvous.barrier(); },
      [](RendezvousOptions& options) { options.device = std::string(options.rank == 1 ? "a" : "b"); });
  expect_all_failed(ends, ErrorKind::Usage, "use the same GPU b");
}

TEST(Rendezvous, NamesTheRankThatHasNoGpu) {
  const auto ends = run_ranks(
      3, [](Rendezvous& rendezvous) { rendezvous.barrier(); },
      [](RendezvousOptions& options) {
        if (options.rank != 2) options.device = concat("GPU-", options.rank);
      });
  expect_all_failed(ends, ErrorKind::Usage, "rank 2 (host ");
  expect_all_failed(ends, ErrorKind::Usage, "computes on a CPU, rank 0 (host ");
}

TEST(Rendezvous, NamesTwoProcessesOfOneRank) {
  const auto ends = run_ranks(
      3, [](Rendezvous& rendezvous) { rendezvous.barrier(); },
      [](RendezvousOptions& options) {
        if (options.rank == 2) options.rank = 1;
      });
  expect_all_failed(ends, ErrorKind::Usage, "two processes say that they are the same rank: rank 1 (host ");
}

TEST(Rendezvous, SaysForWhomItWaitsAndThenWhoDidNotCome) {
  std::mutex mutex;
  std::vector<std::string> said;
  // Ranks 1 and 3 are not started.
  const Listener listener;
  const auto come = [&](int rank) {
    RendezvousOptions options = short_deadlines();
    options.rank = rank;
    options.world = 4;
    options.port = listener.port;
    if (rank == 0) options.listening_socket = listener.socket;
    options.join_timeout = milliseconds(700);
    options.say = [&](const std::string& text) {
      const std::lock_guard lock(mutex);
      said.push_back(text);
    };
    try {
      const Rendezvous rendezvous(options);
      ADD_FAILURE() << "rank " << rank << " met ranks that are not there";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Communication);
      EXPECT_NE(std::string(error.what()).find("ranks 1 and 3 of 4 did not come within 1 s"),
                std::string::npos)
          << error.what();
    }
  };
  std::thread second([&] { come(2); });
  come(0);
  second.join();
  ASSERT_FALSE(said.empty());
  EXPECT_NE(said.back().find("waiting for ranks 1 and 3 of 4"), std::string::npos) << said.back();
}

TEST(Rendezvous, SaysThatRankZeroIsNotThere) {
  RendezvousOptions options = short_deadlines();
  {
    const Listener listener;
    options.port = listener.port;
    ::close(listener.socket);
  }
  options.rank = 1;
  options.world = 2;
  options.join_timeout = milliseconds(400);
  try {
    const Rendezvous rendezvous(options);
    FAIL() << "rank 0 is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Communication);
    EXPECT_NE(std::string(error.what()).find("rank 1 found no rank 0 at 127.0.0.1:"), std::string::npos)
        << error.what();
  }
}

TEST(Rendezvous, SaysThatThePortIsTaken) {
  const Listener listener;
  RendezvousOptions options = short_deadlines();
  options.world = 2;
  options.port = listener.port;
  try {
    const Rendezvous rendezvous(options);
    FAIL() << "the port is taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Communication);
    EXPECT_NE(std::string(error.what()).find(concat("port ", listener.port)), std::string::npos)
        << error.what();
  }
  ::close(listener.socket);
}

TEST(Rendezvous, AnErrorOfOneRankIsAnErrorOfAll) {
  const auto ends = run_ranks(4, [](Rendezvous& rendezvous) {
    rendezvous.barrier();
    if (rendezvous.rank() == 2) fail(ErrorKind::Data, "image 17 is torn");
    rendezvous.barrier();
  });
  expect_all_failed(ends, ErrorKind::Data, "image 17 is torn");
  EXPECT_NE(std::string(ends[1].error->what()).find("rank 2 (host "), std::string::npos);
}

TEST(Rendezvous, AStrangerDoesNoHarm) {
  const auto ends = run_ranks(2, [](Rendezvous& rendezvous) {
    if (rendezvous.rank() == 1) {
      const int stranger = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(rendezvous.options().port);
      ASSERT_EQ(::connect(stranger, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      const std::string words = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
      ASSERT_EQ(::send(stranger, words.data(), words.size(), 0), static_cast<ssize_t>(words.size()));
      std::this_thread::sleep_for(milliseconds(100));
      ::close(stranger);
    }
    rendezvous.barrier();
  });
  expect_all_well(ends);
}

// Beats do not stop: only the count of collectives tells who is behind.
TEST(Rendezvous, NamesTheRankThatDoesNotComeToACollective) {
  const auto ends = run_ranks(3, [](Rendezvous& rendezvous) {
    rendezvous.count_collective();
    if (rendezvous.rank() == 1) {
      while (true) {
        std::this_thread::sleep_for(milliseconds(20));
        rendezvous.check();
      }
    }
    rendezvous.count_collective();
    std::this_thread::sleep_for(milliseconds(300));
    rendezvous.fail_collective("timed out");
  });
  expect_all_failed(ends, ErrorKind::Communication, "rank 1 (host ");
  expect_all_failed(ends, ErrorKind::Communication, "is stuck: it has begun 1 collectives");
}

TEST(Rendezvous, TellsWhoDoesNotEndAfterAFailure) {
  std::atomic<int> stuck = 0;
  std::atomic<bool> rank_zero_has_joined = false;
  run_ranks(
      2,
      [&](Rendezvous& rendezvous) {
        if (rendezvous.rank() == 1) {
          rank_zero_has_joined.wait(false);  // a failure before would end its joining
          fail(ErrorKind::Data, "image 17 is torn");
        }
        rank_zero_has_joined = true;
        rank_zero_has_joined.notify_all();
        for (int i = 0; i < 500 && stuck == 0; ++i) std::this_thread::sleep_for(milliseconds(10));
      },
      [&](RendezvousOptions& options) {
        options.grace = milliseconds(100);
        options.on_stuck = [&stuck, rank = options.rank](const Error& error) {
          if (rank == 0) ++stuck;
          EXPECT_EQ(error.kind(), ErrorKind::Data);
        };
      });
  EXPECT_EQ(stuck, 1);
}

}  // namespace
}  // namespace cf
