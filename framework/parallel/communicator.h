// Collectives over the ranks of a run. All ranks call the same ones in the same order; one that does not
// complete is an Error that names the rank at fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "framework/tensor/tensor.h"

namespace cf {

class GpuStream;
class Rendezvous;

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int world() const = 0;
  virtual int ranks_on_host() const = 0;  // of those that share this process's host

  // On host memory; each returns when this rank's part is done.

  // Each element becomes the sum over all ranks, in an order that the number of ranks and elements fix: equal
  // bits on all ranks.
  virtual void all_reduce_sum(std::span<float> values) = 0;
  virtual void all_reduce_sum(std::span<std::int64_t> values) = 0;

  // All ranks get rank 0's bytes.
  virtual void broadcast(std::span<std::byte> bytes) = 0;

  // `bytes` are `world` equal parts in order of the ranks: each gives its own and gets the others'.
  virtual void all_gather(std::span<std::byte> bytes) = 0;

  // The same on a tensor where it lies. In host memory it is done on return, and `stream` may be null; on a
  // GPU it is given to `stream`, whose work may be being recorded. Sums are of float32, on a GPU also of
  // bfloat16. The bytes gathered must be a multiple of `world`.
  virtual void sum_over_ranks(const Tensor& values, const GpuStream* stream);
  virtual void broadcast_to_ranks(const Tensor& values, const GpuStream* stream);
  virtual void gather_from_ranks(const Tensor& parts, const GpuStream* stream);

  // How long this rank has been in collectives so far, waiting for the others included; null where there are
  // no others, and where they run on a GPU beside its other work, which the host does not see.
  virtual std::optional<double> seconds_in_collectives() const { return std::nullopt; }

  // Calls `wait`, which waits for a GPU to come to the end of collectives given to it, or to their replay. It
  // returns, and this throws, also where a rank is lost or does not come to them.
  virtual void wait_for_gpu(const std::function<void()>& wait) { wait(); }

  // The highest value of all ranks: for small decisions that all must take alike.
  std::int64_t vote(std::int64_t value) { return vote_result(begin_vote(value)); }
  // Waits until all ranks are here.
  void barrier() { vote(0); }
  // The same in two parts, between which this rank may do other work: what begin_vote returned gets the
  // result, once.
  virtual std::int64_t begin_vote(std::int64_t value) = 0;
  virtual std::int64_t vote_result(std::int64_t ticket) = 0;
};

// World 1: every collective is done before it began.
Communicator& single_rank();

// Gloo over TCP. The rendezvous must outlive it. From then on the process ignores SIGPIPE.
std::unique_ptr<Communicator> make_gloo_communicator(Rendezvous& rendezvous);

// NCCL for tensors on GPU `device_index` of this process, of which every rank has another one, beside Gloo
// for host memory. A Usage error in a build without NCCL. When a rank fails, what its GPU and the others' are
// doing together is aborted. Recorded work with collectives must go before it.
std::unique_ptr<Communicator> make_nccl_communicator(Rendezvous& rendezvous, int device_index);

}  // namespace cf
