#include "framework/parallel/rendezvous_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <map>
#include <optional>
#include <thread>

#include "framework/parallel/connection.h"

namespace cf {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

struct Member {
  RankIdentity identity;
  std::shared_ptr<Connection> connection;
  Clock::time_point heard;
  std::int64_t collectives = 0;
  bool left = false;
};

struct Poll {
  std::vector<int> voted;
  std::int64_t highest = 0;
  Clock::time_point said;
};

struct PendingGet {
  std::string key;
  std::int64_t request;
  std::shared_ptr<Connection> connection;
};

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

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
        members(static_cast<std::size_t>(options.world)),
        start(Clock::now()),
        said(start),
        last_tick(start) {}

  void accept();
  void receive(const std::shared_ptr<Connection>& connection, const std::shared_ptr<int>& rank,
               const Message& message);
  void join(const std::shared_ptr<Connection>& connection, const std::shared_ptr<int>& rank,
            const RankIdentity& identity);
  void welcome();
  void set_addresses();
  void handle(Member& member, const Message& message);
  void set(const Message& message);
  void get(Member& member, const Message& message);
  void vote(Member& member, const Message& message);
  void name_the_last(const Message& message);
  void closed(int rank, const std::string& why);
  void schedule_tick();
  void tick();
  void tick_joining(Clock::time_point now);
  void exchange_beats(Clock::time_point now);
  void say_missing_votes(Clock::time_point now);
  void say_waiting(std::span<const int> to, std::span<const int> missing, Clock::duration since);
  void fail_all(ErrorKind kind, const std::string& what);
  void end_if_all_left();
  std::vector<int> ranks_that(const std::function<bool(const Member&)>& holds) const;
  bool is_complete() const { return joined == options.world; }

  const RendezvousOptions options;
  asio::io_context context;
  tcp::acceptor acceptor;
  asio::steady_timer timer;
  std::vector<Member> members;  // by rank
  std::vector<std::shared_ptr<Connection>> refused;
  int joined = 0;
  const Clock::time_point start;
  Clock::time_point said, last_tick;
  std::map<std::string, std::string> values;
  std::vector<PendingGet> pending_gets;
  std::map<std::int64_t, Poll> polls;
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
    Member& member = members[static_cast<std::size_t>(*rank)];
    member.heard = Clock::now();
    return handle(member, message);
  }
  const auto identity = from_hello(message);
  if (!identity) return connection->close();  // some other program
  join(connection, rank, *identity);
}

void RendezvousServer::State::join(const std::shared_ptr<Connection>& connection,
                                   const std::shared_ptr<int>& rank, const RankIdentity& identity) {
  const bool is_in_range = identity.rank >= 0 && identity.rank < options.world;
  const bool is_free = is_in_range && !members[static_cast<std::size_t>(identity.rank)].connection;
  std::string why_not;
  if (identity.world != options.world) {
    why_not = fmt::format("{} was started as one of {}, rank 0 as one of {}", name_of(identity),
                          identity.world, options.world);
  } else if (!is_in_range) {
    why_not = fmt::format("{} is none of the {} ranks", name_of(identity), options.world);
  } else if (!is_free) {
    why_not =
        fmt::format("two processes say that they are the same rank: {} and {}",
                    name_of(members[static_cast<std::size_t>(identity.rank)].identity), name_of(identity));
  }
  if (is_free) {
    *rank = identity.rank;
    members[static_cast<std::size_t>(identity.rank)] = {
        .identity = identity, .connection = connection, .heard = Clock::now()};
    if (failure) return connection->send(*failure);  // one that comes late is told too
  } else {
    refused.push_back(connection);
    connection->send({.kind = Message::Kind::Failed,
                      .number = static_cast<std::int64_t>(ErrorKind::Usage),
                      .texts = {why_not}});
  }
  if (!why_not.empty()) return fail_all(ErrorKind::Usage, why_not);
  if (++joined == options.world) welcome();
}

void RendezvousServer::State::welcome() {
  set_addresses();
  std::vector<RankIdentity> identities;
  for (const auto& member : members) identities.push_back(member.identity);
  if (const auto odd = disagreement(identities)) return fail_all(ErrorKind::Usage, *odd);
  Message message{.kind = Message::Kind::Welcome};
  for (const auto& identity : identities) {
    message.texts.insert(message.texts.end(),
                         {identity.host, std::to_string(identity.process), identity.address});
  }
  const auto now = Clock::now();
  for (auto& member : members) {
    member.heard = now;
    member.connection->send(message);
  }
}

// Ranks of this host come by its loopback address; the others reach them under the one they reached us by.
void RendezvousServer::State::set_addresses() {
  const auto is_loopback = [](const std::string& address) {
    return address.starts_with("127.") || address == "::1";
  };
  std::string own;
  for (auto& member : members) {
    member.identity.address = member.connection->remote_address();
    if (!is_loopback(member.identity.address)) own = member.connection->local_address();
  }
  for (auto& member : members) {
    if (!own.empty() && is_loopback(member.identity.address)) member.identity.address = own;
  }
}

void RendezvousServer::State::handle(Member& member, const Message& message) {
  switch (message.kind) {
    case Message::Kind::Beat:
      member.collectives = message.number;
      break;
    case Message::Kind::Set:
      return set(message);
    case Message::Kind::Get:
      return get(member, message);
    case Message::Kind::Vote:
      return vote(member, message);
    case Message::Kind::OutOfStep:
      member.collectives = message.number;
      return name_the_last(message);
    case Message::Kind::Failed:
      return fail_all(static_cast<ErrorKind>(message.number),
                      name_of(member.identity) + ": " + (message.texts.empty() ? "" : message.texts[0]));
    case Message::Kind::Goodbye:
      member.left = true;
      member.connection->send({.kind = Message::Kind::Goodbye});
      return end_if_all_left();
    default:
      break;
  }
}

void RendezvousServer::State::set(const Message& message) {
  if (message.texts.size() != 2) return;
  const std::string& key = message.texts[0];
  values[key] = message.texts[1];
  const auto answered = std::stable_partition(pending_gets.begin(), pending_gets.end(),
                                              [&](const PendingGet& get) { return get.key != key; });
  for (auto get = answered; get != pending_gets.end(); ++get) {
    get->connection->send({.kind = Message::Kind::Value, .number = get->request, .texts = {values[key]}});
  }
  pending_gets.erase(answered, pending_gets.end());
}

void RendezvousServer::State::get(Member& member, const Message& message) {
  if (message.texts.size() != 1) return;
  const auto found = values.find(message.texts[0]);
  if (found == values.end()) {
    pending_gets.push_back({message.texts[0], message.number, member.connection});
  } else {
    member.connection->send(
        {.kind = Message::Kind::Value, .number = message.number, .texts = {found->second}});
  }
}

void RendezvousServer::State::vote(Member& member, const Message& message) {
  if (message.texts.size() != 1) return;
  const std::int64_t value = std::strtoll(message.texts[0].c_str(), nullptr, 10);
  const auto [entry, is_first] = polls.try_emplace(message.number);
  Poll& poll = entry->second;
  if (is_first) poll.said = Clock::now();
  poll.highest = is_first ? value : std::max(poll.highest, value);
  poll.voted.push_back(member.identity.rank);
  if (std::ssize(poll.voted) < options.world) return;
  for (const auto& each : members) {
    each.connection->send({.kind = Message::Kind::VoteResult,
                           .number = message.number,
                           .texts = {std::to_string(poll.highest)}});
  }
  polls.erase(entry);
}

// A collective of some rank did not complete: the one that began the fewest has not come to it.
void RendezvousServer::State::name_the_last(const Message& message) {
  const auto fewer = [](const Member& a, const Member& b) { return a.collectives < b.collectives; };
  const auto [last, first] = std::minmax_element(members.begin(), members.end(), fewer);
  const std::string what = message.texts.empty() ? "" : message.texts[0];
  if (last->collectives == first->collectives)
    return fail_all(ErrorKind::Communication, "a collective of all ranks failed: " + what);
  fail_all(ErrorKind::Communication,
           fmt::format("{} is stuck: it has begun {} collectives, {} has begun {} and waits ({})",
                       name_of(last->identity), last->collectives, name_of(first->identity),
                       first->collectives, what));
}

void RendezvousServer::State::closed(int rank, const std::string& why) {
  if (rank < 0) return;
  Member& member = members[static_cast<std::size_t>(rank)];
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
    for (auto& member : members) member.heard = now;
  }
  last_tick = now;
  exchange_beats(now);
  if (!failure) is_complete() ? say_missing_votes(now) : tick_joining(now);
  schedule_tick();
}

void RendezvousServer::State::exchange_beats(Clock::time_point now) {
  for (auto& member : members) {
    if (!member.connection || member.left) continue;
    member.connection->send({.kind = Message::Kind::Beat});
    if (now - member.heard > options.silence_timeout)
      fail_all(ErrorKind::Communication,
               fmt::format("{} is stuck or lost: nothing was heard of it for {:.0f} s",
                           name_of(member.identity), seconds(options.silence_timeout)));
  }
}

void RendezvousServer::State::tick_joining(Clock::time_point now) {
  const auto there = ranks_that([](const Member& member) { return member.connection != nullptr; });
  const auto missing = ranks_that([](const Member& member) { return !member.connection; });
  if (now - start > options.join_timeout)
    return fail_all(ErrorKind::Communication,
                    fmt::format("{} of {} did not come within {:.0f} s", list_of(missing), options.world,
                                seconds(options.join_timeout)));
  if (now - said < options.say_every) return;
  said = now;
  say_waiting(there, missing, now - start);
}

void RendezvousServer::State::say_missing_votes(Clock::time_point now) {
  for (auto& numbered : polls) {
    auto& poll = numbered.second;
    if (now - poll.said < options.say_every) continue;
    poll.said = now;
    const auto missing = ranks_that([&](const Member& member) {
      return std::find(poll.voted.begin(), poll.voted.end(), member.identity.rank) == poll.voted.end();
    });
    say_waiting(poll.voted, missing, options.say_every);
  }
}

void RendezvousServer::State::say_waiting(std::span<const int> to, std::span<const int> missing,
                                          Clock::duration since) {
  const std::string text =
      fmt::format("waiting for {} of {} since {:.0f} s", list_of(missing), options.world, seconds(since));
  for (const int rank : to) {
    members[static_cast<std::size_t>(rank)].connection->send(
        {.kind = Message::Kind::Waiting, .texts = {text}});
  }
}

std::vector<int> RendezvousServer::State::ranks_that(const std::function<bool(const Member&)>& holds) const {
  std::vector<int> ranks;
  for (std::size_t rank = 0; rank < members.size(); ++rank) {
    if (holds(members[rank])) ranks.push_back(static_cast<int>(rank));
  }
  return ranks;
}

void RendezvousServer::State::fail_all(ErrorKind kind, const std::string& what) {
  if (failure) return;
  failure =
      Message{.kind = Message::Kind::Failed, .number = static_cast<std::int64_t>(kind), .texts = {what}};
  for (const auto& member : members) {
    if (member.connection) member.connection->send(*failure);
  }
}

void RendezvousServer::State::end_if_all_left() {
  // One that has not come yet may still come, and be told what failed.
  const bool left =
      std::all_of(members.begin(), members.end(), [](const Member& member) { return member.left; });
  if (!ending || !left || all_left_said) return;
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
