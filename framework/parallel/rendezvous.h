// Where the ranks of a run meet: one small TCP service at rank 0. It sees to it that all ranks are there and
// fit together, keeps what they tell one another (addresses, votes), and ends all of them when one is lost,
// stuck or fails, naming it. It moves no tensors.
//
// A rank that is lost (its connection ends) or stuck (nothing heard of it within the timeout) is a
// Communication error on all others; an error that a rank reports is the same error on all others, with that
// rank's name. Such an error is thrown by the call that waits or by the next one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/parallel/rank_group.h"
#include "kernels/base/check.h"

namespace cf {

struct RendezvousOptions {
  using Duration = std::chrono::milliseconds;

  int rank = 0, world = 1;
  std::string host = "127.0.0.1";  // of rank 0
  std::uint16_t port = 0;
  int listening_socket = -1;  // at rank 0: one that listens on the port already; owned from here on

  std::string device, build, configuration;  // see RankIdentity

  Duration join_timeout{600'000};         // for all ranks to be there
  Duration silence_timeout{60'000};       // a rank of which nothing is heard for so long is stuck
  Duration beat_every{1'000};             // must be well below the silence timeout
  Duration say_every{10'000};             // how often a waiting rank says for whom
  Duration collective_timeout{1800'000};  // see Communicator
  Duration leave_timeout{5'000};          // for a message of farewell or failure to be understood
  Duration grace{2'000};                  // from a failure to on_stuck

  // Called from another thread. say: what is being waited for. on_stuck: this process has not ended in the
  // grace after a failure, as it waits for something that will not come; it should end the process.
  std::function<void(const std::string&)> say;
  std::function<void(const Error&)> on_stuck;
};

class Rendezvous {
 public:
  // Waits for all ranks. Ranks that do not fit together are a Usage error that names the odd one; one that
  // does not come in time is a Communication error.
  explicit Rendezvous(RendezvousOptions options);
  // Leaves as planned, unless something has failed: rank 0 when all others have left.
  ~Rendezvous();
  Rendezvous(const Rendezvous&) = delete;
  Rendezvous& operator=(const Rendezvous&) = delete;

  int rank() const;
  int world() const;
  const RendezvousOptions& options() const;
  // Of all ranks, with addresses under which they reach each other.
  const std::vector<RankIdentity>& ranks() const;

  // Bytes by key, the same for all ranks. get waits until a rank has set it.
  void set(const std::string& key, const std::string& value);
  std::string get(const std::string& key);

  // The highest value of all ranks, which call it equally often; waits for all.
  std::int64_t vote(std::int64_t value) { return vote_result(begin_vote(value)); }
  void barrier() { vote(0); }
  // The same in two parts: the vote's number, and its result, which is waited for and asked for once.
  std::int64_t begin_vote(std::int64_t value);
  std::int64_t vote_result(std::int64_t number);

  // Throws what has failed, if something has.
  void check();
  bool has_failed() const;

  // Says that this rank fails, so that the others do too. Does nothing after a failure. Returns when rank 0
  // has understood, or after leave_timeout.
  void report_failure(ErrorKind kind, const std::string& what) noexcept;

  // A collective of this rank begins: the rank that began the fewest is the one that others wait for.
  void count_collective();
  // One did not complete, as `what` says: throws why, which names a rank.
  [[noreturn]] void fail_collective(const std::string& what);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cf
