// The ranks of a run as the rendezvous knows them: who is there, who has left, and how far each has come.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/parallel/connection.h"
#include "framework/parallel/rank_group.h"

namespace cf {

struct Member {
  RankIdentity identity;
  std::shared_ptr<Connection> connection;       // null until it has joined
  std::chrono::steady_clock::time_point heard;  // of it, the last time
  std::int64_t collectives = 0;                 // that it has begun
  bool left = false;
};

class Roster {
 public:
  explicit Roster(int world) : members_(static_cast<std::size_t>(world)) {}

  int world() const { return static_cast<int>(members_.size()); }
  Member& of(int rank) { return members_[static_cast<std::size_t>(rank)]; }
  auto begin() { return members_.begin(); }
  auto end() { return members_.end(); }

  // Whether there is such a rank, and nobody is it yet.
  bool has_place_for(const RankIdentity& identity) const;
  // Why a process that says it is this rank does not fit among the others; empty where it does.
  std::string objection(const RankIdentity& identity) const;
  void join(const RankIdentity& identity, const std::shared_ptr<Connection>& connection);
  bool is_complete() const { return missing().empty(); }
  std::vector<int> there() const { return ranks_with_connection(true); }
  std::vector<int> missing() const { return ranks_with_connection(false); }
  // One that has not come yet may still come.
  bool has_everybody_left() const;

  // Notes addresses under which the ranks, all of which are there, reach each other, and returns who they
  // are.
  std::vector<RankIdentity> introduce();

  // To all that are there.
  void send(const Message& message) const;

  // Which rank others wait for in a collective: the one that has begun the fewest; empty where none is
  // behind.
  std::string who_is_behind() const;

 private:
  std::vector<int> ranks_with_connection(bool connected) const;

  std::vector<Member> members_;  // by rank
};

}  // namespace cf
