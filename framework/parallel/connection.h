// A TCP connection that carries messages. Everything happens on the thread that runs the socket's io_context.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/parallel/message.h"

namespace cf {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  explicit Connection(Socket socket);

  // Begins to read. on_closed comes once, after the last message, with what ended the connection, unless
  // close() did. Both are forgotten then.
  void start(std::function<void(Message)> on_message, std::function<void(const std::string&)> on_closed);
  void send(const Message& message);
  void close();

  // Of the two ends, as numbers ("10.0.0.7").
  std::string local_address() const;
  std::string remote_address() const;

 private:
  void read_header();
  void read_body();
  void write_next();
  void end(const std::string& why);

  Socket socket_;
  std::function<void(Message)> on_message_;
  std::function<void(const std::string&)> on_closed_;
  std::array<std::byte, kFrameHeaderBytes> header_{};
  std::vector<std::byte> body_;
  std::deque<std::vector<std::byte>> to_write_;
};

}  // namespace cf
