#include "framework/parallel/rendezvous_link.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace cf {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Seconds = std::chrono::duration<double>;

namespace {

constexpr std::chrono::milliseconds kRetryEvery{100};  // of a connection that is refused

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

RendezvousLink::RendezvousLink(const RendezvousOptions& options, Events events)
    : options_(options),
      events_(std::move(events)),
      resolver_(context_),
      socket_(context_),
      timer_(context_),
      later_(context_) {}

RendezvousLink::~RendezvousLink() {
  context_.stop();
  if (thread_.joinable()) thread_.join();
  if (connection_) connection_->close();
}

void RendezvousLink::start() {
  asio::post(context_, [this] { connect(); });
  thread_ = std::thread([this] {
    const auto work = asio::make_work_guard(context_);
    context_.run();
  });
}

void RendezvousLink::send(Message message) {
  asio::post(context_, [this, message = std::move(message)] {
    if (connection_) connection_->send(message);
  });
}

void RendezvousLink::call_after(std::chrono::milliseconds time, std::function<void()> what) {
  later_.expires_after(time);
  later_.async_wait([what = std::move(what)](const error_code& cancelled) {
    if (!cancelled) what();
  });
}

std::string RendezvousLink::rank_zero() const {
  return fmt::format("rank 0 at {}:{}", options_.host, options_.port);
}

void RendezvousLink::say(const std::string& what) const {
  if (options_.say) options_.say(what);
}

void RendezvousLink::connect() {
  resolver_.async_resolve(options_.host, std::to_string(options_.port),
                          [this](const error_code& error, const tcp::resolver::results_type& endpoints) {
                            if (error) return retry(error.message());
                            asio::async_connect(socket_, endpoints,
                                                [this](const error_code& refused, const tcp::endpoint&) {
                                                  refused ? retry(refused.message()) : greet();
                                                });
                          });
}

void RendezvousLink::retry(const std::string& why) {
  const auto now = Clock::now();
  if (now - begin_ > options_.join_timeout)
    return events_.on_failure(ErrorKind::Communication,
                              fmt::format("rank {} found no {} within {:.0f} s: {}", options_.rank,
                                          rank_zero(), Seconds(options_.join_timeout).count(), why));
  if (now - said_ >= options_.say_every) {
    said_ = now;
    say(fmt::format("waiting for {} since {:.0f} s: {}", rank_zero(), Seconds(now - begin_).count(), why));
  }
  socket_ = tcp::socket(context_);
  timer_.expires_after(kRetryEvery);
  timer_.async_wait([this](const error_code& error) {
    if (!error) connect();
  });
}

void RendezvousLink::greet() {
  connection_ = std::make_shared<Connection>(std::move(socket_));
  connection_->start([this](const Message& message) { receive(message); },
                     [this](const std::string& why) {
                       events_.on_failure(
                           ErrorKind::Communication,
                           fmt::format("{} is lost: its connection has ended ({})", rank_zero(), why));
                     });
  connection_->send(to_hello({.rank = options_.rank,
                              .world = options_.world,
                              .host = host_name(),
                              .process = getpid(),
                              .device = options_.device,
                              .build = options_.build,
                              .configuration = options_.configuration,
                              .address = {}}));
  heard_ = last_tick_ = Clock::now();
  schedule_tick();
}

void RendezvousLink::receive(const Message& message) {
  heard_ = Clock::now();
  const std::string text = message.texts.empty() ? "" : message.texts[0];
  if (message.kind == Message::Kind::Failed)
    return events_.on_failure(static_cast<ErrorKind>(message.number), text);
  if (message.kind == Message::Kind::Waiting) return say(text);
  if (message.kind != Message::Kind::Beat) events_.on_message(message);
}

void RendezvousLink::schedule_tick() {
  timer_.expires_after(options_.beat_every);
  timer_.async_wait([this](const error_code& error) {
    if (!error) tick();
  });
}

void RendezvousLink::tick() {
  const auto now = Clock::now();
  const bool was_stopped = now - last_tick_ > options_.beat_every + options_.silence_timeout / 2;
  last_tick_ = now;
  if (was_stopped) heard_ = now;
  connection_->send({.kind = Message::Kind::Beat, .number = collectives_});
  if (now - heard_ > options_.silence_timeout) {
    return events_.on_failure(ErrorKind::Communication,
                              fmt::format("{} is stuck or lost: nothing was heard of it for {:.0f} s",
                                          rank_zero(), Seconds(options_.silence_timeout).count()));
  }
  schedule_tick();
}

}  // namespace cf
