// Checks that a call fails with a kind of error whose message names things.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "kernels/base/check.h"

namespace cf {

template <class Body>
void expect_error(ErrorKind kind, std::initializer_list<std::string_view> parts, Body&& body) {
  try {
    body();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << message;
    for (const auto part : parts) {
      EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is missing in: " << message;
    }
  }
}

}  // namespace cf
