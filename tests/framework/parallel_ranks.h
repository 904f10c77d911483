// Ranks as threads of one process, which meet at a free port of this machine.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "framework/parallel/rendezvous.h"
#include "kernels/base/check.h"

namespace cf {

// Listens on a port of the loopback device that the system chooses.
struct Listener {
  Listener() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    CF_CHECK(::bind(socket, generic, size) == 0 && ::listen(socket, 64) == 0 &&
                 ::getsockname(socket, generic, &size) == 0,
             "cannot listen");
    port = ntohs(address.sin_port);
  }

  int socket;  // given to rank 0
  std::uint16_t port = 0;
};

// Deadlines that a test can wait for, and that a busy machine does not miss.
inline RendezvousOptions short_deadlines() {
  using std::chrono::milliseconds;
  RendezvousOptions options;
  options.join_timeout = milliseconds(20'000);
  options.silence_timeout = milliseconds(10'000);
  options.beat_every = milliseconds(50);
  options.say_every = milliseconds(100);
  options.collective_timeout = milliseconds(1'500);
  options.leave_timeout = milliseconds(2'000);
  return options;
}

struct RankEnd {
  std::optional<Error> error;  // that body threw
};

// Runs body(rank's rendezvous) on each of `world` ranks and returns how each ended. change: of the options of
// one rank.
inline std::vector<RankEnd> run_ranks(
    int world, const std::function<void(Rendezvous&)>& body,
    const std::function<void(RendezvousOptions&)>& change = [](RendezvousOptions&) {}) {
  const Listener listener;
  std::vector<RankEnd> ends(static_cast<std::size_t>(world));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world; ++rank) {
    threads.emplace_back([&, rank] {
      RendezvousOptions options = short_deadlines();
      options.rank = rank;
      options.world = world;
      options.port = listener.port;
      if (rank == 0) options.listening_socket = listener.socket;
      change(options);
      try {
        Rendezvous rendezvous(options);
        try {
          body(rendezvous);
        } catch (const Error& error) {
          rendezvous.report_failure(error.kind(), error.what());
          throw;
        }
      } catch (const Error& error) {
        ends[static_cast<std::size_t>(rank)].error = error;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return ends;
}

inline void expect_all_well(const std::vector<RankEnd>& ends) {
  for (std::size_t rank = 0; rank < ends.size(); ++rank) {
    EXPECT_FALSE(ends[rank].error) << "rank " << rank << ": " << ends[rank].error->what();
  }
}

// Every rank ended with an error of this kind that says `words`.
inline void expect_all_failed(const std::vector<RankEnd>& ends, ErrorKind kind, const std::string& words) {
  for (std::size_t rank = 0; rank < ends.size(); ++rank) {
    SCOPED_TRACE(concat("rank ", rank));
    ASSERT_TRUE(ends[rank].error);
    EXPECT_EQ(ends[rank].error->kind(), kind) << ends[rank].error->what();
    EXPECT_NE(std::string(ends[rank].error->what()).find(words), std::string::npos)
        << ends[rank].error->what();
  }
}

}  // namespace cf
