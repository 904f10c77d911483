// Collectives over the ranks of a run, on host memory. All ranks call the same ones in the same order; each
// returns when this rank's part is done. One that does not complete is an Error that names the rank at fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace cf {

class Rendezvous;

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int world() const = 0;
  virtual int ranks_on_host() const = 0;  // of those that share this process's host

  // Each element becomes the sum over all ranks, in an order that the number of ranks and elements fix: equal
  // bits on all ranks.
  virtual void all_reduce_sum(std::span<float> values) = 0;
  virtual void all_reduce_sum(std::span<std::int64_t> values) = 0;

  // All ranks get rank 0's bytes.
  virtual void broadcast(std::span<std::byte> bytes) = 0;

  // `bytes` are `world` equal parts in order of the ranks: each gives its own and gets the others'.
  virtual void all_gather(std::span<std::byte> bytes) = 0;

  // The highest value of all ranks: for small decisions that all must take alike.
  virtual std::int64_t vote(std::int64_t value) = 0;
  // Waits until all ranks are here.
  void barrier() { vote(0); }
};

// World 1: every collective is done before it began.
Communicator& single_rank();

// Gloo over TCP. The rendezvous must outlive it. From then on the process ignores SIGPIPE.
std::unique_ptr<Communicator> make_gloo_communicator(Rendezvous& rendezvous);

}  // namespace cf
