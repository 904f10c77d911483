#include <algorithm>
#include <chrono>
#include <csignal>

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/broadcast.h>
#include <gloo/common/error.h>
#include <gloo/common/logging.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/store.h>
#include <gloo/transport/tcp/device.h>

#include "framework/parallel/communicator.h"
#include "framework/parallel/rendezvous.h"
#include "kernels/base/check.h"

namespace cf {

namespace {

// Gloo's ranks find each other's addresses through the rendezvous.
class RendezvousStore final : public gloo::rendezvous::Store {
 public:
  explicit RendezvousStore(Rendezvous& rendezvous) : rendezvous_(rendezvous) {}

  void set(const std::string& key, const std::vector<char>& data) override {
    rendezvous_.set(key_of(key), {data.begin(), data.end()});
  }
  std::vector<char> get(const std::string& key) override {
    const std::string value = rendezvous_.get(key_of(key));
    return {value.begin(), value.end()};
  }
  void wait(const std::vector<std::string>& keys) override {
    for (const auto& key : keys) rendezvous_.get(key_of(key));
  }
  // The rendezvous fails by itself when a rank is lost.
  void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds&) override { wait(keys); }

 private:
  static std::string key_of(const std::string& key) { return "gloo/" + key; }

  Rendezvous& rendezvous_;
};

class GlooCommunicator final : public Communicator {
 public:
  explicit GlooCommunicator(Rendezvous& rendezvous) : rendezvous_(rendezvous) {
    std::signal(SIGPIPE, SIG_IGN);  // Gloo writes to ranks that have gone, and then looks at the error
    complete("connecting to the other ranks", [&] {
      gloo::transport::tcp::attr attributes;
      attributes.hostname = rendezvous.ranks()[static_cast<std::size_t>(rendezvous.rank())].address;
      auto device = gloo::transport::tcp::CreateDevice(attributes);
      auto context = std::make_shared<gloo::rendezvous::Context>(rendezvous.rank(), rendezvous.world());
      context->setTimeout(rendezvous.options().collective_timeout);
      RendezvousStore store(rendezvous);
      context->connectFullMesh(store, device);
      context_ = context;
    });
  }

  int rank() const override { return rendezvous_.rank(); }
  int world() const override { return rendezvous_.world(); }
  int ranks_on_host() const override {
    const auto& ranks = rendezvous_.ranks();
    const auto& own = ranks[static_cast<std::size_t>(rank())];
    return static_cast<int>(std::count_if(ranks.begin(), ranks.end(),
                                          [&](const RankIdentity& other) { return other.host == own.host; }));
  }

  void all_reduce_sum(std::span<float> values) override { sum(values); }
  void all_reduce_sum(std::span<std::int64_t> values) override { sum(values); }

  void broadcast(std::span<std::byte> bytes) override {
    if (bytes.empty()) return;
    complete("broadcast", [&] {
      gloo::BroadcastOptions options(context_);
      options.setRoot(0);
      options.setTag(kTag);
      options.setOutput(reinterpret_cast<char*>(bytes.data()), bytes.size());
      gloo::broadcast(options);
    });
  }

  void all_gather(std::span<std::byte> bytes) override {
    const auto ranks = static_cast<std::size_t>(world());
    CF_CHECK(bytes.size() % ranks == 0, bytes.size(), " bytes are gathered of ", ranks, " ranks");
    if (bytes.empty()) return;
    complete("all-gather", [&] {
      gloo::AllgatherOptions options(context_);
      options.setTag(kTag);
      options.setOutput(reinterpret_cast<char*>(bytes.data()), bytes.size());
      gloo::allgather(options);
    });
  }

  std::optional<double> seconds_in_collectives() const override { return in_collectives_.count(); }

  std::int64_t begin_vote(std::int64_t value) override { return rendezvous_.begin_vote(value); }
  std::int64_t vote_result(std::int64_t ticket) override { return rendezvous_.vote_result(ticket); }

 private:
  static constexpr std::uint32_t kTag = 1;  // one collective at a time

  // A ring: every element is summed at one rank, in the order of the ranks from there on, then passed round.
  template <class T>
  void sum(std::span<T> values) {
    if (values.empty()) return;
    complete("all-reduce", [&] {
      gloo::AllreduceOptions options(context_);
      options.setAlgorithm(gloo::AllreduceOptions::Algorithm::RING);
      options.setTag(kTag);
      options.setReduceFunction(
          [](void* out, const void* a, const void* b, std::size_t count) { gloo::sum<T>(out, a, b, count); });
      options.setOutput(values.data(), values.size());
      gloo::allreduce(options);
    });
  }

  // Gloo's errors name an address at best; the rendezvous knows the rank.
  template <class Body>
  void complete(const char* what, Body body) {
    rendezvous_.count_collective();
    const auto begin = std::chrono::steady_clock::now();
    try {
      body();
    } catch (const gloo::Exception& error) {
      rendezvous_.fail_collective(concat(what, ": ", error.what()));
    } catch (const gloo::EnforceNotMet& error) {
      rendezvous_.fail_collective(concat(what, ": ", error.what()));
    }
    in_collectives_ += std::chrono::steady_clock::now() - begin;
  }

  Rendezvous& rendezvous_;
  std::shared_ptr<gloo::Context> context_;
  std::chrono::duration<double> in_collectives_{0};
};

}  // namespace

std::unique_ptr<Communicator> make_gloo_communicator(Rendezvous& rendezvous) {
  return std::make_unique<GlooCommunicator>(rendezvous);
}

}  // namespace cf
