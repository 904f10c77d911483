#include "framework/parallel/rendezvous.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "framework/parallel/rendezvous_link.h"
#include "framework/parallel/rendezvous_server.h"

namespace cf {

// Shared under `mutex` by the link's thread and those that ask.
struct Rendezvous::State {
  explicit State(RendezvousOptions rendezvous_options);

  // On the link's thread:
  void receive(const Message& message);
  void introduce(const Message& welcome_message);
  void fail_with(ErrorKind kind, const std::string& what);

  // On any other:
  template <class Ready>
  void wait(Ready ready);
  template <class Ready>
  bool wait_for(std::chrono::milliseconds time, Ready ready);

  RendezvousOptions options;
  std::unique_ptr<RendezvousServer> server;  // at rank 0

  std::mutex mutex;
  std::condition_variable changed;
  bool welcome = false, parted = false;
  std::vector<RankIdentity> ranks;  // as it is once welcome
  std::optional<Error> failure;
  std::map<std::int64_t, std::string> values, votes;  // answers by number
  std::int64_t next_request = 0, next_vote = 0;
  RendezvousLink link;  // ends before what it tells
};

Rendezvous::State::State(RendezvousOptions rendezvous_options)
    : options(std::move(rendezvous_options)),
      link(options,
           {.on_message = [this](const Message& message) { receive(message); },
            .on_failure = [this](ErrorKind kind, const std::string& what) { fail_with(kind, what); }}) {}

void Rendezvous::State::receive(const Message& message) {
  const std::string text = message.texts.empty() ? "" : message.texts[0];
  {
    const std::lock_guard lock(mutex);
    if (message.kind == Message::Kind::Value) values[message.number] = text;
    if (message.kind == Message::Kind::VoteResult) votes[message.number] = text;
    if (message.kind == Message::Kind::Goodbye) parted = true;
    if (message.kind == Message::Kind::Welcome) introduce(message);
  }
  changed.notify_all();
}

// With the mutex held.
void Rendezvous::State::introduce(const Message& welcome_message) {
  const auto& texts = welcome_message.texts;
  for (std::size_t i = 0; i + 2 < texts.size(); i += 3) {
    ranks.push_back({.rank = static_cast<int>(i / 3),
                     .world = options.world,
                     .host = texts[i],
                     .process = std::strtoll(texts[i + 1].c_str(), nullptr, 10),
                     .device = {},
                     .build = {},
                     .configuration = {},
                     .address = texts[i + 2]});
  }
  welcome = true;
}

void Rendezvous::State::fail_with(ErrorKind kind, const std::string& what) {
  {
    const std::lock_guard lock(mutex);
    if (failure || parted) return;
    failure = Error(kind, what);
  }
  changed.notify_all();
  if (!options.on_stuck) return;
  link.call_after(options.grace, [this, error = Error(kind, what)] { options.on_stuck(error); });
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
  s.link.start();
  s.wait([&] { return s.welcome; });
}

Rendezvous::~Rendezvous() {
  State& s = *state_;
  const bool is_whole = [&] {
    const std::lock_guard lock(s.mutex);
    return !s.failure;
  }();
  if (is_whole) {
    s.link.send({.kind = Message::Kind::Goodbye});
    s.wait_for(s.options.leave_timeout, [&] { return s.failure || s.parted; });
  }
}

int Rendezvous::rank() const { return state_->options.rank; }
int Rendezvous::world() const { return state_->options.world; }
const RendezvousOptions& Rendezvous::options() const { return state_->options; }
const std::vector<RankIdentity>& Rendezvous::ranks() const { return state_->ranks; }

void Rendezvous::set(const std::string& key, const std::string& value) {
  check();
  state_->link.send({.kind = Message::Kind::Set, .texts = {key, value}});
}

std::string Rendezvous::get(const std::string& key) {
  State& s = *state_;
  const std::int64_t request = [&] {
    const std::lock_guard lock(s.mutex);
    return s.next_request++;
  }();
  s.link.send({.kind = Message::Kind::Get, .number = request, .texts = {key}});
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
  s.link.send({.kind = Message::Kind::Vote, .number = number, .texts = {std::to_string(value)}});
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
    s.link.send({.kind = Message::Kind::Failed, .number = static_cast<std::int64_t>(kind), .texts = {what}});
    s.wait_for(s.options.leave_timeout, [&] { return s.failure.has_value(); });
  } catch (...) {  // there is no one left to tell
  }
}

void Rendezvous::count_collective() { state_->link.count_collective(); }

void Rendezvous::fail_collective(const std::string& what) {
  State& s = *state_;
  const auto failed = [&] { return s.failure.has_value(); };
  // Most often a rank is gone, and rank 0 knows already or will know at once.
  if (!s.wait_for(s.options.leave_timeout / 2, failed)) {
    s.link.send({.kind = Message::Kind::OutOfStep, .number = s.link.collectives(), .texts = {what}});
    s.wait_for(s.options.leave_timeout / 2, failed);
  }
  check();
  fail(ErrorKind::Communication, "rank ", s.options.rank, ": ", what);
}

}  // namespace cf
