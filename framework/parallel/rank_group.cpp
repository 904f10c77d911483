#include "framework/parallel/rank_group.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <sstream>

#include "kernels/base/check.h"

namespace cf {

namespace {

constexpr const char* kProtocol = "convfirst rendezvous 1";

std::optional<std::int64_t> number_in(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The value that most ranks have; rank 0's where none is more frequent.
template <class Field>
std::string usual(const std::vector<RankIdentity>& ranks, Field field) {
  std::map<std::string, int> count;
  for (const auto& rank : ranks) ++count[rank.*field];
  std::string best = ranks.front().*field;
  for (const auto& [value, times] : count) {
    if (times > count[best]) best = value;
  }
  return best;
}

// The first lines in which two texts differ.
std::string first_difference(const std::string& odd, const std::string& rest) {
  std::istringstream left(odd), right(rest);
  std::string a, b;
  while (true) {
    const bool has_a = static_cast<bool>(std::getline(left, a));
    const bool has_b = static_cast<bool>(std::getline(right, b));
    if (!has_a && !has_b) return "line ends";
    if (!has_a) a = "nothing";
    if (!has_b) b = "nothing";
    if (a != b) return concat("'", a, "', elsewhere '", b, "'");
  }
}

std::optional<std::string> odd_configuration(const std::vector<RankIdentity>& ranks) {
  const std::string most = usual(ranks, &RankIdentity::configuration);
  for (const auto& rank : ranks) {
    if (rank.configuration == most) continue;
    return concat(name_of(rank), " has another configuration than the other ranks: ",
                  first_difference(rank.configuration, most));
  }
  return std::nullopt;
}

std::optional<std::string> odd_build(const std::vector<RankIdentity>& ranks) {
  const std::string most = usual(ranks, &RankIdentity::build);
  for (const auto& rank : ranks) {
    if (rank.build == most) continue;
    return concat(name_of(rank), " runs the program built from ", rank.build, ", the other ranks from ",
                  most);
  }
  return std::nullopt;
}

std::optional<std::string> odd_kind_of_device(const std::vector<RankIdentity>& ranks) {
  const auto computes_on = [](const RankIdentity& rank) {
    return rank.device.empty() ? std::string(" computes on a CPU") : " computes on " + rank.device;
  };
  for (const auto& rank : ranks) {
    if (rank.device.empty() == ranks.front().device.empty()) continue;
    return concat(name_of(rank), computes_on(rank), ", ", name_of(ranks.front()), computes_on(ranks.front()),
                  "; --device cpu or --device cuda on all ranks says which is meant");
  }
  return std::nullopt;
}

std::optional<std::string> shared_device(const std::vector<RankIdentity>& ranks) {
  std::map<std::string, const RankIdentity*> users;
  for (const auto& rank : ranks) {
    if (rank.device.empty()) continue;
    const auto [user, first] = users.try_emplace(rank.device, &rank);
    if (!first)
      return concat(name_of(*user->second), " and ", name_of(rank), " use the same GPU ", rank.device,
                    "; every rank needs one of its own");
  }
  return std::nullopt;
}

}  // namespace

std::string name_of(const RankIdentity& rank) {
  return concat("rank ", rank.rank, " (host ", rank.host, ", process ", rank.process, ")");
}

std::string list_of(std::span<const int> ranks) {
  constexpr std::size_t kShown = 8;
  const std::size_t shown = std::min(ranks.size(), kShown);
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < shown; ++i) {
    const bool is_last = i + 1 == ranks.size();
    if (i > 0) text += is_last ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  if (ranks.size() > shown) text += concat(" and ", ranks.size() - shown, " more");
  return text;
}

Message to_hello(const RankIdentity& rank) {
  return {.kind = Message::Kind::Hello,
          .number = rank.rank,
          .texts = {kProtocol, std::to_string(rank.world), rank.host, std::to_string(rank.process),
                    rank.device, rank.build, rank.configuration}};
}

std::optional<RankIdentity> from_hello(const Message& message) {
  const auto& texts = message.texts;
  if (message.kind != Message::Kind::Hello || texts.size() != 7 || texts[0] != kProtocol) return std::nullopt;
  const auto world = number_in(texts[1]), process = number_in(texts[3]);
  if (!world || !process) return std::nullopt;
  return RankIdentity{.rank = static_cast<int>(message.number),
                      .world = static_cast<int>(*world),
                      .host = texts[2],
                      .process = *process,
                      .device = texts[4],
                      .build = texts[5],
                      .configuration = texts[6],
                      .address = {}};
}

std::optional<std::string> disagreement(const std::vector<RankIdentity>& ranks) {
  if (auto odd = odd_build(ranks)) return odd;
  if (auto odd = odd_configuration(ranks)) return odd;
  if (auto odd = odd_kind_of_device(ranks)) return odd;
  return shared_device(ranks);
}

std::string layout_of(const std::vector<RankIdentity>& ranks) {
  std::string runs;
  std::set<std::string> hosts;
  for (std::size_t first = 0; first < ranks.size();) {
    std::size_t last = first;
    while (last + 1 < ranks.size() && ranks[last + 1].host == ranks[first].host) ++last;
    runs += runs.empty() ? "" : ", ";
    runs += concat(first, last > first ? concat("-", last) : "", " on ", ranks[first].host);
    hosts.insert(ranks[first].host);
    first = last + 1;
  }
  return concat(ranks.size(), ranks.size() == 1 ? " rank on " : " ranks on ", hosts.size(),
                hosts.size() == 1 ? " host: " : " hosts: ", runs);
}

}  // namespace cf
