#include "kernels/base/check.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "kernels/base/dispatch.h"

namespace cf {
namespace {

template <class Body>
std::string message_of(ErrorKind kind, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind));
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(Check, ThrowsTheParts) {
  const std::string path = "a.png";
  const int batch = -3;
  EXPECT_EQ(
      message_of(ErrorKind::Internal, [&] { CF_CHECK(batch > 0, "batch is ", batch, ", not positive"); }),
      "batch is -3, not positive");
  EXPECT_EQ(message_of(ErrorKind::Data, [&] { CF_CHECK_AS(ErrorKind::Data, path.empty(), "bad ", path); }),
            "bad a.png");
  CF_CHECK(batch < 0, "not thrown");
}

TEST(Check, EvaluatesTheConditionOnceAndThePartsOnFailureOnly) {
  int conditions = 0, parts = 0;
  const auto part = [&] { return ++parts; };
  CF_CHECK(++conditions == 1, part());
  EXPECT_EQ(conditions, 1);
  EXPECT_EQ(parts, 0);
}

TEST(Check, IsOneStatement) {
  bool reached_else = false;
  if (false)
    CF_CHECK(false, "not run");
  else
    reached_else = true;
  EXPECT_TRUE(reached_else);
}

TEST(Concat, WritesNumbersTextAndBools) {
  EXPECT_EQ(concat("a", std::string("b"), std::string_view("c"), 'd', true, false), "abcdtruefalse");
  EXPECT_EQ(concat(std::uint8_t{65}, ' ', std::int64_t{-5}, ' ', std::numeric_limits<std::uint64_t>::max()),
            "65 -5 18446744073709551615");
  EXPECT_EQ(concat(0.1, ' ', 1e300, ' ', 0.25f, ' ', -std::numeric_limits<double>::infinity()),
            "0.1 1e+300 0.25 -inf");
  EXPECT_EQ(concat(), "");
}

TEST(InContext, PutsTheContextInFrontAndPassesValuesOn) {
  int contexts = 0;
  const auto context = [&] {
    ++contexts;
    return "sample 17";
  };
  EXPECT_EQ(in_context(context, [] { return 42; }), 42);
  EXPECT_EQ(contexts, 0);
  const auto message = message_of(ErrorKind::Data, [&] {
    in_context([] { return std::string("train.cfpack"); },
               [&] { in_context(context, [] { fail(ErrorKind::Data, "truncated"); }); });
  });
  EXPECT_EQ(message, "train.cfpack: sample 17: truncated");
  EXPECT_THROW(in_context(context, [] { throw std::bad_alloc(); }), std::bad_alloc);
}

TEST(Dispatch, CallsTheBodyOfTheValueAndNamesTheListOtherwise) {
  int called = 0;
  dispatch<32, 64, 128>("channels", 64, [&]<int kChannels>() { called += kChannels; });
  EXPECT_EQ(called, 64);
  EXPECT_EQ(message_of(ErrorKind::Usage, [] { dispatch<32, 64>("channels", 48, []<int>() {}); }),
            "channels is 48, must be one of 32, 64");
}

TEST(Dispatch, CallsTheBodyOfTheElementType) {
  for (const auto dtype : {DType::Float64, DType::Float32, DType::Float16, DType::BFloat16}) {
    EXPECT_EQ(dispatch_floating(dtype, []<class T>() { return kDType<T>; }), dtype);
  }
  EXPECT_EQ(message_of(ErrorKind::Internal, [] { dispatch_floating(DType::Int64, []<class T>() {}); }),
            "a tensor of int64 where floating-point numbers are needed");
}

}  // namespace
}  // namespace cf
