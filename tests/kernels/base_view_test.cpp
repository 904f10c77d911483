#include "kernels/base/view.h"

#include <gtest/gtest.h>

#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

namespace cf {
namespace {

// The tuple without its element kRemoved.
template <std::size_t kRemoved, class... Ts>
auto without(const std::tuple<Ts...>& all) {
  const auto piece = [&]<std::size_t kIndex>() {
    if constexpr (kIndex == kRemoved) {
      return std::tuple<>{};
    } else {
      return std::make_tuple(std::get<kIndex>(all));
    }
  };
  return [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    return std::tuple_cat(piece.template operator()<kIndex>()...);
  }
  (std::index_sequence_for<Ts...>{});
}

// check(indices...) with `left` in every order.
template <class Check, class... Left, class... Done>
void in_every_order(const Check& check, const std::tuple<Left...>& left, Done... done) {
  if constexpr (sizeof...(Left) == 0) {
    check(done...);
  } else {
    [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
      (in_every_order(check, without<kIndex>(left), done..., std::get<kIndex>(left)), ...);
    }
    (std::index_sequence_for<Left...>{});
  }
}

TEST(View, FindsTheElementForIndicesInEveryOrder) {
  std::vector<int> data(2 * 3 * 5 * 7);
  std::iota(data.begin(), data.end(), 0);
  const View<const int, N, H, W, C> x(data.data(), N{2}, H{3}, W{5}, C{7});
  int expected = 0, orders = 0;
  for (const N n : range(x.extent<N>())) {
    for (const H h : range(x.extent<H>())) {
      for (const W w : range(x.extent<W>())) {
        for (const C c : range(x.extent<C>())) {
          in_every_order(
              [&](auto... indices) {
                EXPECT_EQ(x(indices...), expected);
                ++orders;
              },
              std::tuple(n, h, w, c));
          ++expected;
        }
      }
    }
  }
  EXPECT_EQ(expected, 210);
  EXPECT_EQ(orders, 210 * 24);
}

TEST(View, AtPointsBehindTheLeadingAxes) {
  std::vector<int> data(2 * 3 * 5);
  const View<int, N, H, C> x(data.data(), N{2}, H{3}, C{5});
  EXPECT_EQ(x.at(), x.data());
  EXPECT_EQ(x.at(N{1}), &x(N{1}, H{0}, C{0}));
  EXPECT_EQ(x.at(N{1}, H{2}), &x(N{1}, H{2}, C{0}));
  EXPECT_EQ(x.at(N{1}, H{2}, C{3}), &x(C{3}, H{2}, N{1}));
}

TEST(View, ExtentsSizeAndIteration) {
  std::vector<int> data(6, 1);
  const View<int, H, W> x(data.data(), H{2}, W{3});
  EXPECT_EQ(x.extent<H>(), H{2});
  EXPECT_EQ(x.extent<W>(), W{3});
  EXPECT_EQ(x.size(), 6);
  for (int& value : x) value = 4;
  EXPECT_EQ(data, std::vector<int>(6, 4));
  x(W{2}, H{1}) = 9;
  EXPECT_EQ(data[5], 9);
  EXPECT_TRUE(x);
}

TEST(View, EmptyViews) {
  const View<int, N, C> none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.size(), 0);
  EXPECT_EQ(none.begin(), none.end());
  int value = 0;
  const View<int, N, C> no_samples(&value, N{0}, C{4});
  EXPECT_EQ(no_samples.size(), 0);
  EXPECT_EQ(no_samples.extent<C>(), C{4});
}

TEST(View, OfMutableElementsIsAViewOfConstOnes) {
  int value = 3;
  const View<int, N> x(&value, N{1});
  const View<const int, N> y = x;
  EXPECT_EQ(&y(N{0}), &value);
  static_assert(!std::is_convertible_v<View<const int, N>, View<int, N>>);
  static_assert(!std::is_convertible_v<View<int, N>, View<const int, C>>);
  static_assert(!std::is_convertible_v<View<float, N>, View<const int, N>>);
}

TEST(View, AsRowsFlattensTheLeadingAxes) {
  std::vector<int> data(24);
  const View<int, N, H, C> x(data.data(), N{2}, H{3}, C{4});
  const auto rows = as_rows<M, K>(x);
  EXPECT_EQ(rows.extent<M>(), M{6});
  EXPECT_EQ(rows.extent<K>(), K{4});
  EXPECT_EQ(&rows(M{5}, K{1}), &x(N{1}, H{2}, C{1}));
  const View<int, N, C> no_channels(data.data(), N{2}, C{0});
  EXPECT_EQ((as_rows<M, K>(no_channels).extent<M>()), M{0});
}

TEST(View, WorksInConstantExpressions) {
  constexpr int corner = [] {
    int data[6] = {0, 1, 2, 3, 4, 5};
    return View<int, H, W>(data, H{2}, W{3})(W{2}, H{1});
  }();
  static_assert(corner == 5);
}

TEST(Axes, DoNotMix) {
  static_assert(!std::is_convertible_v<H, W> && !std::is_convertible_v<H, std::int64_t>);
  static_assert(!std::is_convertible_v<std::int64_t, H>, "an index says which axis it is of");
  static_assert(!std::is_constructible_v<View<int, H, W>, int*, W, H>);
  static_assert(std::is_same_v<decltype(H{1} + 1), H>);
  EXPECT_EQ((H{4} + 3 - 2).value, 5);
  EXPECT_TRUE(H{1} < H{2} && H{2} <= H{2} && H{3} > H{2} && H{3} >= H{3} && H{3} != H{2});
  EXPECT_STREQ(H::kName, "H");
}

TEST(Axes, RangeVisitsEveryIndexBelowTheExtent) {
  std::int64_t next = 0;
  for (const C c : range(C{5})) EXPECT_EQ(c.value, next++);
  EXPECT_EQ(next, 5);
  for (const C c : range(C{0})) FAIL() << c.value;
}

}  // namespace
}  // namespace cf
