#include "framework/parallel/rendezvous.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "framework/parallel/connection.h"
#include "framework/parallel/rendezvous_server.h"

namespace cf {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kRetryEvery{100};  // of a connection that is refused

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

// What is marked so is of the thread that runs `context`; the rest is shared under `mutex`.
struct Rendezvous::State {
  explicit State(RendezvousOptions rendezvous_options)
      : options(std::move(rendezvous_options)),
        resolver(context),
        socket(context),
        timer(context),
        grace_timer(context) {}

  // On the thread of the context:
  void connect();
  void retry(const std::string& why);
  void greet();
  void receive(const Message& message);
  void schedule_tick();
  void tick();
  void fail_with(ErrorKind kind, const std::string& what);
  void say(const std::string& what) const {
    if (options.say) options.say(what);
  }

  // On any other:
  void start();
  void send(Message message);
  template <class Ready>
  void wait(Ready ready);
  template <class Ready>
  bool wait_for(std::chrono::milliseconds time, Ready ready);
  std::string rank_zero() const { return fmt::format("rank 0 at {}:{}", options.host, options.port); }

  RendezvousOptions options;
  std::unique_ptr<RendezvousServer> server;  // at rank 0
  asio::io_context context;
  tcp::resolver resolver;  // of the thread, like what follows
  tcp::socket socket;
  asio::steady_timer timer, grace_timer;
  std::shared_ptr<Connection> connection;
  Clock::time_point begin = Clock::now(), said = begin, heard = begin, last_tick = begin;

  std::mutex mutex;
  std::condition_variable changed;
  bool welcome = false, parted = false;
  std::vector<RankIdentity> ranks;  // as it is once welcome
  std::optional<Error> failure;
  std::map<std::int64_t, std::string> values, votes;  // answers by number
  std::int64_t next_request = 0, next_vote = 0;
  std::atomic<std::int64_t> collectives = 0;
  std::thread thread;
};

void Rendezvous::State::connect() {
  resolver.async_resolve(options.host, std::to_string(options.port),
                         [this](const error_code& error, const tcp::resolver::results_type& endpoints) {
                           if (error) return retry(error.message());
                           asio::async_connect(socket, endpoints,
                                               [this](const error_code& refused, const tcp::endpoint&) {
                                                 refused ? retry(refused.message()) : greet();
                                               });
                         });
}

void Rendezvous::State::retry(const std::string& why) {
  const auto now = Clock::now();
  if (now - begin > options.join_timeout)
    return fail_with(ErrorKind::Communication,
                     fmt::format("rank {} found no {} within {:.0f} s: {}", options.rank, rank_zero(),
                                 seconds(options.join_timeout), why));
  if (now - said >= options.say_every) {
    said = now;
    say(fmt::format("waiting for {} since {:.0f} s: {}", rank_zero(), seconds(now - begin), why));
  }
  socket = tcp::socket(context);
  timer.expires_after(kRetryEvery);
  timer.async_wait([this](const error_code& error) {
    if (!error) connect();
  });
}

void Rendezvous::State::greet() {
  connection = std::make_shared<Connection>(std::move(socket));
  connection->start([this](const Message& message) { receive(message); },
                    [this](const std::string& why) {
                      fail_with(ErrorKind::Communication,
                                fmt::format("{} is lost: its connection has ended ({})", rank_zero(), why));
                    });
  connection->send(to_hello({.rank = options.rank,
                             .world = options.world,
                             .host = host_name(),
                             .process = getpid(),
                             .device = options.device,
                             .build = options.build,
                             .configuration = options.configuration,
                             .address = {}}));
  heard = last_tick = Clock::now();
  schedule_tick();
}

void Rendezvous::State::receive(const Message& message) {
  heard = Clock::now();
  const std::string text = message.texts.empty() ? "" : message.texts[0];
  if (message.kind == Message::Kind::Failed) return fail_with(static_cast<ErrorKind>(message.number), text);
  if (message.kind == Message::Kind::Waiting) return say(text);
  {
    const std::lock_guard lock(mutex);
    if (message.kind == Message::Kind::Value) values[message.number] = text;
    if (message.kind == Message::Kind::VoteResult) votes[message.number] = text;
    if (message.kind == Message::Kind::Goodbye) parted = true;
    if (message.kind == Message::Kind::Welcome) {
      for (std::size_t i = 0; i + 2 < message.texts.size(); i += 3) {
        ranks.push_back({.rank = static_cast<int>(i / 3),
                         .world = options.world,
                         .host = message.texts[i],
                         .process = std::strtoll(message.texts[i + 1].c_str(), nullptr, 10),
                         .device = {},
                         .build = {},
                         .configuration = {},
                         .address = message.texts[i + 2]});
      }
      welcome = true;
    }
  }
  changed.notify_all();
}

void Rendezvous::State::schedule_tick() {
  timer.expires_after(options.beat_every);
  timer.async_wait([this](const error_code& error) {
    if (!error) tick();
  });
}

void Rendezvous::State::tick() {
  const auto now = Clock::now();
  const bool was_stopped = now - last_tick > options.beat_every + options.silence_timeout / 2;
  last_tick = now;
  if (was_stopped) heard = now;
  connection->send({.kind = Message::Kind::Beat, .number = collectives});
  if (now - heard > options.silence_timeout) {
    return fail_with(ErrorKind::Communication,
                     fmt::format("{} is stuck or lost: nothing was heard of it for {:.0f} s", rank_zero(),
                                 seconds(options.silence_timeout)));
  }
  schedule_tick();
}

void Rendezvous::State::fail_with(ErrorKind kind, const std::string& what) {
  {
    const std::lock_guard lock(mutex);
    if (failure || parted) return;
    failure = Error(kind, what);
  }
  changed.notify_all();
  if (!options.on_stuck) return;
  grace_timer.expires_after(options.grace);
  grace_timer.async_wait([this, error = Error(kind, what)](const error_code& cancelled) {
    if (!cancelled) options.on_stuck(error);
  });
}

void Rendezvous::State::start() {
  asio::post(context, [this] { connect(); });
  thread = std::thread([this] {
    const auto work = asio::make_work_guard(context);
    context.run();
  });
}

void Rendezvous::State::send(Message message) {
  asio::post(context, [this, message = std::move(message)] {
    if (connection) connection->send(message);
  });
}

// Waits until `ready` holds, which is asked with the mutex held; throws what failed before.
template <class Ready>
void Rendezvous::State::wait(Ready ready) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return failure || ready(); });
  if (failure) throw Error(*failure);
}

template <class Ready>
bool Rendezvous::State::wait_for(std::chrono::milliseconds time, Ready ready) {
  std::unique_lock lock(mutex);
  return changed.wait_for(lock, time, ready);
}

Rendezvous::Rendezvous(RendezvousOptions options) : state_(std::make_unique<State>(std::move(options))) {
  State& s = *state_;
  if (s.options.rank == 0) {
    s.server = std::make_unique<RendezvousServer>(s.options);
    s.options.port = s.server->port();
  }
  s.start();
  try {
    s.wait([&] { return s.welcome; });
  } catch (...) {
    s.context.stop();
    s.thread.join();
    throw;
  }
}

Rendezvous::~Rendezvous() {
  State& s = *state_;
  const bool is_whole = [&] {
    const std::lock_guard lock(s.mutex);
    return !s.failure;
  }();
  if (is_whole) {
    s.send({.kind = Message::Kind::Goodbye});
    s.wait_for(s.options.leave_timeout, [&] { return s.failure || s.parted; });
  }
  s.context.stop();
  s.thread.join();
  if (s.connection) s.connection->close();
}

int Rendezvous::rank() const { return state_->options.rank; }
int Rendezvous::world() const { return state_->options.world; }
const RendezvousOptions& Rendezvous::options() const { return state_->options; }
const std::vector<RankIdentity>& Rendezvous::ranks() const { return state_->ranks; }

void Rendezvous::set(const std::string& key, const std::string& value) {
  check();
  state_->send({.kind = Message::Kind::Set, .texts = {key, value}});
}

std::string Rendezvous::get(const std::string& key) {
  State& s = *state_;
  const std::int64_t request = [&] {
    const std::lock_guard lock(s.mutex);
    return s.next_request++;
  }();
  s.send({.kind = Message::Kind::Get, .number = request, .texts = {key}});
  s.wait([&] { return s.values.contains(request); });
  const std::lock_guard lock(s.mutex);
  return s.values.extract(request).mapped();
}

std::int64_t Rendezvous::begin_vote(std::int64_t value) {
  State& s = *state_;
  const std::int64_t number = [&] {
    const std::lock_guard lock(s.mutex);
    return s.next_vote++;
  }();
  s.send({.kind = Message::Kind::Vote, .number = number, .texts = {std::to_string(value)}});
  return number;
}

std::int64_t Rendezvous::vote_result(std::int64_t number) {
  State& s = *state_;
  s.wait([&] { return s.votes.contains(number); });
  const std::lock_guard lock(s.mutex);
  return std::strtoll(s.votes.extract(number).mapped().c_str(), nullptr, 10);
}

void Rendezvous::check() {
  const std::lock_guard lock(state_->mutex);
  if (state_->failure) throw Error(*state_->failure);
}

bool Rendezvous::has_failed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failure.has_value();
}

void Rendezvous::report_failure(ErrorKind kind, const std::string& what) noexcept {
  try {
    State& s = *state_;
    s.send({.kind = Message::Kind::Failed, .number = static_cast<std::int64_t>(kind), .texts = {what}});
    s.wait_for(s.options.leave_timeout, [&] { return s.failure.has_value(); });
  } catch (...) {  // there is no one left to tell
  }
}

void Rendezvous::count_collective() { ++state_->collectives; }

void Rendezvous::fail_collective(const std::string& what) {
  State& s = *state_;
  const auto failed = [&] { return s.failure.has_value(); };
  // Most often a rank is gone, and rank 0 knows already or will know at once.
  if (!s.wait_for(s.options.leave_timeout / 2, failed)) {
    s.send({.kind = Message::Kind::OutOfStep, .number = s.collectives, .texts = {what}});
    s.wait_for(s.options.leave_timeout / 2, failed);
  }
  check();
  fail(ErrorKind::Communication, "rank ", s.options.rank, ": ", what);
}

}  // namespace cf
