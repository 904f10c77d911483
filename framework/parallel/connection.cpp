#include "framework/parallel/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace cf {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// An address of the older kind is written as such, also where the socket speaks both.
std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

}  // namespace

Connection::Connection(Socket socket) : socket_(std::move(socket)) {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Connection::start(std::function<void(Message)> on_message,
                       std::function<void(const std::string&)> on_closed) {
  on_message_ = std::move(on_message);
  on_closed_ = std::move(on_closed);
  read_header();
}

void Connection::read_header() {
  asio::async_read(socket_, asio::buffer(header_.data(), header_.size()),
                   [self = shared_from_this()](const error_code& error, std::size_t) {
                     if (error) return self->end(error.message());
                     const std::size_t length = frame_length(self->header_);
                     if (length > kMaxFrameBytes) return self->end("it sent something that is no message");
                     self->body_.resize(length);
                     self->read_body();
                   });
}

void Connection::read_body() {
  asio::async_read(socket_, asio::buffer(body_.data(), body_.size()),
                   [self = shared_from_this()](const error_code& error, std::size_t) {
                     if (error) return self->end(error.message());
                     auto message = message_from(self->body_);
                     if (!message) return self->end("it sent something that is no message");
                     if (const auto on_message = self->on_message_) on_message(std::move(*message));
                     if (self->socket_.is_open()) self->read_header();
                   });
}

void Connection::send(const Message& message) {
  if (!socket_.is_open()) return;
  to_write_.push_back(to_frame(message));
  if (to_write_.size() == 1) write_next();
}

void Connection::write_next() {
  const auto& frame = to_write_.front();
  asio::async_write(socket_, asio::buffer(frame.data(), frame.size()),
                    [self = shared_from_this()](const error_code& error, std::size_t) {
                      // What the other end sent before it went is still to be read; reading ends it.
                      if (error) return;
                      self->to_write_.pop_front();
                      if (!self->to_write_.empty()) self->write_next();
                    });
}

void Connection::end(const std::string& why) {
  const auto on_closed = std::exchange(on_closed_, nullptr);
  close();
  if (on_closed) on_closed(why);
}

void Connection::close() {
  on_message_ = nullptr;
  on_closed_ = nullptr;
  error_code ignored;
  socket_.close(ignored);
}

std::string Connection::local_address() const {
  error_code error;
  const auto endpoint = socket_.local_endpoint(error);
  return error ? std::string() : text_of(endpoint);
}

std::string Connection::remote_address() const {
  error_code error;
  const auto endpoint = socket_.remote_endpoint(error);
  return error ? std::string() : text_of(endpoint);
}

}  // namespace cf
