// Walks a layer: each names its members once, in visit(), and everything else comes from that: names, saving,
// counting, optimizer groups, buckets.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "framework/parameters/parameter.h"

namespace cf::layers {

namespace detail {
template <class T>
inline constexpr bool is_deque = false;
template <class T>
inline constexpr bool is_deque<std::deque<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;
}  // namespace detail

// Calls leaf(path, Parameter& or Statistic&) for everything below `member`, in forward order; paths are
// dotted, as in PyTorch: "stages.0.blocks.1.conv.weight".
template <class Member, class Leaf>
void visit_leaves(Member& member, const std::string& path, Leaf&& leaf) {
  if constexpr (std::is_same_v<Member, Parameter> || std::is_same_v<Member, Statistic>) {
    leaf(path, member);
  } else if constexpr (detail::is_deque<Member>) {
    std::size_t i = 0;
    for (auto& element : member) visit_leaves(element, concat(path, ".", i++), leaf);
  } else if constexpr (detail::is_variant<Member>) {
    std::visit([&](auto& held) { visit_leaves(held, path, leaf); }, member);
  } else {
    member.visit([&](std::string_view name, auto& below) {
      visit_leaves(below, path.empty() ? std::string(name) : concat(path, ".", name), leaf);
    });
  }
}

}  // namespace cf::layers
