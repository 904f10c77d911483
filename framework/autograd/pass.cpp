#include "framework/autograd/pass.h"

#include <cstring>

namespace cf {

const Tensor& Pass::draw() {
  if (!draw_) {
    const auto fill = [options = options_](std::int64_t step, std::span<std::byte> bytes) {
      const std::int64_t number = options.draw(step);
      std::memcpy(bytes.data(), &number, sizeof number);
    };
    draw_ = input(DType::Int64, Shape(I{1}), fill);
  }
  return draw_;
}

}  // namespace cf
