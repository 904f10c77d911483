// Run-time values to compile-time constants, instead of switch statements.
//
//   dispatch<32, 64, 128>("channels", c, []<int C_>() { kernel<C_>(); });
#pragma once

#include <string>

#include "kernels/base/check.h"
#include "kernels/base/dtype.h"

namespace cf {

// Calls body<V>() for the listed V equal to value; an unlisted value throws and names the list.
template <int... Values, class Body>
void dispatch(std::string_view what, int value, Body&& body) {
  const bool found = ((value == Values && (body.template operator()<Values>(), true)) || ...);
  if (!found) {
    std::string list;
    ((list += concat(list.empty() ? "" : ", ", Values)), ...);
    fail(ErrorKind::Usage, what, " is ", value, ", must be one of ", list);
  }
}

// Calls body<T>() for the floating element type of dtype.
template <class Body>
decltype(auto) dispatch_floating(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::Float64:
      return body.template operator()<double>();
    case DType::Float32:
      return body.template operator()<float>();
    case DType::Float16:
      return body.template operator()<Half>();
    case DType::BFloat16:
      return body.template operator()<BFloat16>();
    default:
      fail(ErrorKind::Internal, "a tensor of ", name_of(dtype), " where floating-point numbers are needed");
  }
}

}  // namespace cf
