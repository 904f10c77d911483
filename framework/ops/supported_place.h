// Where fused ops run: their kernels for a GPU know 16-bit types alone.
#pragma once

#include <type_traits>

#include "framework/runtime/executor.h"

namespace cf {

// Calls body.operator()<T>(place), as executor.at(); on a GPU in float32 it is a Usage error that names the
// op.
template <class Body>
void at_supported(const char* op, Executor& executor, DType dtype, const Body& body) {
  executor.at(dtype, [&]<class T>(auto place) {
    if constexpr (std::is_same_v<decltype(place), Cuda> && std::is_same_v<T, float>) {
      fail(ErrorKind::Usage, op, " does not run on a GPU in ", name_of(dtype));
    } else {
      body.template operator()<T>(place);
    }
  });
}

}  // namespace cf
