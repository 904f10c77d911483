// The service of a rendezvous, at rank 0: see rendezvous.h for what it does.
#pragma once

#include <cstdint>
#include <memory>

#include "framework/parallel/rendezvous.h"

namespace cf {

class RendezvousServer {
 public:
  // Listens; a port that is taken is a Communication error. Works on a thread of its own.
  explicit RendezvousServer(const RendezvousOptions& options);
  // Waits until all ranks have left, at most the leave_timeout.
  ~RendezvousServer();
  RendezvousServer(const RendezvousServer&) = delete;
  RendezvousServer& operator=(const RendezvousServer&) = delete;

  std::uint16_t port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cf
