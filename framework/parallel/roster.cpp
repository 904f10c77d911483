#include "framework/parallel/roster.h"

#include <fmt/format.h>

#include <algorithm>

namespace cf {

namespace {

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

}  // namespace

bool Roster::has_place_for(const RankIdentity& identity) const {
  return identity.rank >= 0 && identity.rank < world() &&
         !members_[static_cast<std::size_t>(identity.rank)].connection;
}

std::string Roster::objection(const RankIdentity& identity) const {
  if (identity.world != world()) {
    return fmt::format("{} was started as one of {}, rank 0 as one of {}", name_of(identity), identity.world,
                       world());
  }
  if (identity.rank < 0 || identity.rank >= world()) {
    return fmt::format("{} is none of the {} ranks", name_of(identity), world());
  }
  if (has_place_for(identity)) return {};
  return fmt::format("two processes say that they are the same rank: {} and {}",
                     name_of(members_[static_cast<std::size_t>(identity.rank)].identity), name_of(identity));
}

void Roster::join(const RankIdentity& identity, const std::shared_ptr<Connection>& connection) {
  of(identity.rank) = {
      .identity = identity, .connection = connection, .heard = std::chrono::steady_clock::now()};
}

bool Roster::has_everybody_left() const {
  return std::all_of(members_.begin(), members_.end(), [](const Member& member) { return member.left; });
}

// Ranks of this host come by its loopback address; the others reach them under the one they reached us by.
std::vector<RankIdentity> Roster::introduce() {
  std::string own;
  for (auto& member : members_) {
    member.identity.address = member.connection->remote_address();
    if (!is_loopback(member.identity.address)) own = member.connection->local_address();
  }
  std::vector<RankIdentity> identities;
  for (auto& member : members_) {
    if (!own.empty() && is_loopback(member.identity.address)) member.identity.address = own;
    identities.push_back(member.identity);
  }
  return identities;
}

void Roster::send(const Message& message) const {
  for (const auto& member : members_) {
    if (member.connection) member.connection->send(message);
  }
}

std::string Roster::who_is_behind() const {
  const auto fewer = [](const Member& a, const Member& b) { return a.collectives < b.collectives; };
  const auto [last, first] = std::minmax_element(members_.begin(), members_.end(), fewer);
  if (last->collectives == first->collectives) return {};
  return fmt::format("{} is stuck: it has begun {} collectives, {} has begun {} and waits",
                     name_of(last->identity), last->collectives, name_of(first->identity),
                     first->collectives);
}

std::vector<int> Roster::ranks_with_connection(bool connected) const {
  std::vector<int> ranks;
  for (int rank = 0; rank < world(); ++rank) {
    if ((members_[static_cast<std::size_t>(rank)].connection != nullptr) == connected) ranks.push_back(rank);
  }
  return ranks;
}

}  // namespace cf
