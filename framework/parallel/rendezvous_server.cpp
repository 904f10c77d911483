#include "framework/parallel/rendezvous_server.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <optional>
#include <thread>

#include "framework/parallel/polls.h"
#include "framework/parallel/roster.h"
#include "framework/parallel/shared_values.h"

namespace cf {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

namespace {

tcp::acceptor listen(asio::io_context& context, const RendezvousOptions& options) {
  tcp::acceptor acceptor(context);
  if (options.listening_socket >= 0) {
    acceptor.assign(tcp::v4(), options.listening_socket);
    return acceptor;
  }
  // Both kinds of addresses where the machine has both.
  error_code error;
  acceptor.open(tcp::v6(), error);
  const tcp any = error ? tcp::v4() : tcp::v6();
  if (error) acceptor.open(any);
  if (any == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false), error);
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  acceptor.bind(tcp::endpoint(any, options.port), error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  CF_CHECK_AS(ErrorKind::Communication, !error, "rank 0 cannot listen on port ", options.port, ": ",
              error.message(), "; another run may use it, choose another port");
  return acceptor;
}

}  // namespace

// All but the constructor and the destructor runs on `thread`.
struct RendezvousServer::State {
  explicit State(const RendezvousOptions& rendezvous_options)
      : options(rendezvous_options),
        acceptor(listen(context, options)),
        timer(context),
        roster(options.world),
        polls(options.world),
        start(Clock::now()),
        said(start),
        last_tick(start) {}

  void accept();
  void receive(const std::shared_ptr<Connection>& connection, const std::shared_ptr<int>& rank,
               const Message& message);
  void join(const std::shared_ptr<Connection>& connection, const std::shared_ptr<int>& rank,
            const RankIdentity& identity);
  void welcome();
  void handle(Member& member, const Message& message);
  void vote(Member& member, const Message& message);
  void fail_collective(const std::string& what);
  void closed(int rank, const std::string& why);
  void schedule_tick();
  void tick();
  void tick_joining(Clock::time_point now);
  void exchange_beats(Clock::time_point now);
  void say_missing_votes(Clock::time_point now);
  void say_waiting(std::span<const int> to, std::span<const int> missing, Clock::duration since);
  void fail_all(ErrorKind kind, const std::string& what);
  void end_if_all_left();

  const RendezvousOptions options;
  asio::io_context context;
  tcp::acceptor acceptor;
  asio::steady_timer timer;
  Roster roster;
  SharedValues values;
  Polls polls;
  std::vector<std::shared_ptr<Connection>> refused;
  const Clock::time_point start;
  Clock::time_point said, last_tick;
  std::optional<Message> failure;
  bool ending = false;
  std::promise<void> all_left;
  bool all_left_said = false;
  std::thread thread;
};

void RendezvousServer::State::accept() {
  acceptor.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      const auto connection = std::make_shared<Connection>(std::move(socket));
      const auto rank = std::make_shared<int>(-1);  // unknown until it has said so
      // The connection holds these functions: they must not hold it.
      const std::weak_ptr<Connection> weak = connection;
      connection->start([this, weak, rank](const Message& message) { receive(weak.lock(), rank, message); },
                        [this, rank](const std::string& why) { closed(*rank, why); });
    }
    accept();
  });
}

void RendezvousServer::State::receive(const std::shared_ptr<Connection>& connection,
                                      const std::shared_ptr<int>& rank, const Message& message) {
  if (*rank >= 0) {
    Member& member = roster.of(*rank);
    member.heard = Clock::now();
    return handle(member, message);
  }
  const auto identity = from_hello(message);
  if (!identity) return connection->close();  // some other program
  join(connection, rank, *identity);
}

void RendezvousServer::State::join(const std::shared_ptr<Connection>& connection,
                                   const std::shared_ptr<int>& rank, const RankIdentity& identity) {
  const bool is_free = roster.has_place_for(identity);
  const std::string why_not = roster.objection(identity);
  if (is_free) {
    *rank = identity.rank;
    roster.join(identity, connection);
    if (failure) return connection->send(*failure);  // one that comes late is told too
  } else {
    refused.push_back(connection);
    connection->send({.kind = Message::Kind::Failed,
                      .number = static_cast<std::int64_t>(ErrorKind::Usage),
                      .texts = {why_not}});
  }
  if (!why_not.empty()) return fail_all(ErrorKind::Usage, why_not);
  if (roster.is_complete()) welcome();
}

void RendezvousServer::State::welcome() {
  const std::vector<RankIdentity> identities = roster.introduce();
  if (const auto odd = disagreement(identities)) return fail_all(ErrorKind::Usage, *odd);
  Message message{.kind = Message::Kind::Welcome};
  for (const auto& identity : identities) {
    message.texts.insert(message.texts.end(),
                         {identity.host, std::to_string(identity.process), identity.address});
  }
  const auto now = Clock::now();
  for (auto& member : roster) member.heard = now;
  roster.send(message);
}

void RendezvousServer::State::handle(Member& member, const Message& message) {
  const std::string text = message.texts.empty() ? "" : message.texts[0];
  switch (message.kind) {
    case Message::Kind::Beat:
      member.collectives = message.number;
      break;
    case Message::Kind::Set:
      if (message.texts.size() == 2) values.set(text, message.texts[1]);
      break;
    case Message::Kind::Get:
      if (message.texts.size() == 1) values.get(text, message.number, member.connection);
      break;
    case Message::Kind::Vote:
      return vote(member, message);
    case Message::Kind::OutOfStep:
      member.collectives = message.number;
      return fail_collective(text);
    case Message::Kind::Failed:
      return fail_all(static_cast<ErrorKind>(message.number), name_of(member.identity) + ": " + text);
    case Message::Kind::Goodbye:
      member.left = true;
      member.connection->send({.kind = Message::Kind::Goodbye});
      return end_if_all_left();
    default:
      break;
  }
}

void RendezvousServer::State::vote(Member& member, const Message& message) {
  if (message.texts.size() != 1) return;
  const std::int64_t value = std::strtoll(message.texts[0].c_str(), nullptr, 10);
  if (const auto highest = polls.vote(message.number, member.identity.rank, value)) {
    roster.send(
        {.kind = Message::Kind::VoteResult, .number = message.number, .texts = {std::to_string(*highest)}});
  }
}

// A collective of some rank did not complete: the one that began the fewest has not come to it.
void RendezvousServer::State::fail_collective(const std::string& what) {
  const std::string who = roster.who_is_behind();
  fail_all(ErrorKind::Communication,
           who.empty() ? "a collective of all ranks failed: " + what : fmt::format("{} ({})", who, what));
}

void RendezvousServer::State::closed(int rank, const std::string& why) {
  if (rank < 0) return;
  Member& member = roster.of(rank);
  if (!member.left) {
    member.left = true;
    fail_all(ErrorKind::Communication,
             fmt::format("{} is lost: its connection has ended ({})", name_of(member.identity), why));
  }
  end_if_all_left();
}

void RendezvousServer::State::schedule_tick() {
  timer.expires_after(options.beat_every);
  timer.async_wait([this](const error_code& error) {
    if (!error) tick();
  });
}

void RendezvousServer::State::tick() {
  const auto now = Clock::now();
  // Whoever was stopped itself has heard of nobody meanwhile.
  if (now - last_tick > options.beat_every + options.silence_timeout / 2) {
    for (auto& member : roster) member.heard = now;
  }
  last_tick = now;
  exchange_beats(now);
  if (!failure) roster.is_complete() ? say_missing_votes(now) : tick_joining(now);
  schedule_tick();
}

void RendezvousServer::State::exchange_beats(Clock::time_point now) {
  for (auto& member : roster) {
    if (!member.connection || member.left) continue;
    member.connection->send({.kind = Message::Kind::Beat});
    if (now - member.heard > options.silence_timeout)
      fail_all(ErrorKind::Communication,
               fmt::format("{} is stuck or lost: nothing was heard of it for {:.0f} s",
                           name_of(member.identity), Seconds(options.silence_timeout).count()));
  }
}

void RendezvousServer::State::tick_joining(Clock::time_point now) {
  const auto missing = roster.missing();
  if (now - start > options.join_timeout)
    return fail_all(ErrorKind::Communication,
                    fmt::format("{} of {} did not come within {:.0f} s", list_of(missing), options.world,
                                Seconds(options.join_timeout).count()));
  if (now - said < options.say_every) return;
  said = now;
  say_waiting(roster.there(), missing, now - start);
}

void RendezvousServer::State::say_missing_votes(Clock::time_point now) {
  for (const auto& [voted, missing] : polls.waiting(now, options.say_every)) {
    say_waiting(voted, missing, options.say_every);
  }
}

void RendezvousServer::State::say_waiting(std::span<const int> to, std::span<const int> missing,
                                          Clock::duration since) {
  const std::string text = fmt::format("waiting for {} of {} since {:.0f} s", list_of(missing), options.world,
                                       Seconds(since).count());
  for (const int rank : to) {
    roster.of(rank).connection->send({.kind = Message::Kind::Waiting, .texts = {text}});
  }
}

void RendezvousServer::State::fail_all(ErrorKind kind, const std::string& what) {
  if (failure) return;
  failure =
      Message{.kind = Message::Kind::Failed, .number = static_cast<std::int64_t>(kind), .texts = {what}};
  roster.send(*failure);
}

void RendezvousServer::State::end_if_all_left() {
  if (!ending || !roster.has_everybody_left() || all_left_said) return;
  all_left_said = true;
  all_left.set_value();
}

RendezvousServer::RendezvousServer(const RendezvousOptions& options)
    : state_(std::make_unique<State>(options)) {
  state_->accept();
  state_->schedule_tick();
  state_->thread = std::thread([state = state_.get()] { state->context.run(); });
}

RendezvousServer::~RendezvousServer() {
  State& state = *state_;
  asio::post(state.context, [&state] {
    state.ending = true;
    state.end_if_all_left();
  });
  state.all_left.get_future().wait_for(state.options.leave_timeout);
  state.context.stop();
  state.thread.join();
}

std::uint16_t RendezvousServer::port() const { return state_->acceptor.local_endpoint().port(); }

}  // namespace cf
