// A rank's way to the rendezvous at rank 0, on a thread of its own: found with patience, kept alive by beats,
// and lost with a reason.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "framework/parallel/connection.h"
#include "framework/parallel/rendezvous.h"

namespace cf {

class RendezvousLink {
 public:
  // Both are called on the link's thread. on_message: but for beats and what is to be said, which the link
  // takes itself. on_failure: rank 0 is not found, lost or stuck, or says that all ranks fail.
  struct Events {
    std::function<void(const Message&)> on_message;
    std::function<void(ErrorKind, const std::string&)> on_failure;
  };

  // The options must outlive it.
  RendezvousLink(const RendezvousOptions& options, Events events);
  // Ends the thread, after which no event comes, and closes the connection.
  ~RendezvousLink();
  RendezvousLink(const RendezvousLink&) = delete;
  RendezvousLink& operator=(const RendezvousLink&) = delete;

  // Begins to connect. send() has no effect before rank 0 has been found.
  void start();
  void send(Message message);

  // On the link's thread: calls `what` after a time, unless the link ends before.
  void call_after(std::chrono::milliseconds time, std::function<void()> what);

  // Beats say how many collectives this rank has begun.
  void count_collective() { ++collectives_; }
  std::int64_t collectives() const { return collectives_; }

 private:
  using Clock = std::chrono::steady_clock;

  void connect();
  void retry(const std::string& why);
  void greet();
  void receive(const Message& message);
  void schedule_tick();
  void tick();
  void say(const std::string& what) const;
  std::string rank_zero() const;

  const RendezvousOptions& options_;
  Events events_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::resolver resolver_;
  Connection::Socket socket_;
  boost::asio::steady_timer timer_, later_;
  std::shared_ptr<Connection> connection_;
  Clock::time_point begin_ = Clock::now(), said_ = begin_, heard_ = begin_, last_tick_ = begin_;
  std::atomic<std::int64_t> collectives_ = 0;
  std::thread thread_;
};

}  // namespace cf
