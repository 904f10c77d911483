#include <algorithm>

#include "kernels/base/parallel.h"
#include "kernels/base/philox.h"
#include "kernels/dropout/dropout.h"
#include "kernels/dropout/dropout_check.h"

namespace cf::kernels {

void dropout(Cpu place, const Dropout<float>& args) {
  check(args);
  const Philox stream(args.seed, Purpose::Dropout, static_cast<std::uint64_t>(args.draw(I{0})), args.layer);
  const float* x = args.x.data();
  float* y = args.y.data();
  const float probability = args.probability, keep_probability = 1 - args.probability;
  parallel(place, args.x.size(), 1024, 5, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; i += 4) {  // first is a multiple of 4
      const Philox4 random = stream.block(static_cast<std::uint32_t>(i / 4));
      const std::int64_t end = std::min(last, i + 4);
      for (std::int64_t j = i; j < end; ++j) {
        const float u = Philox::uniform_of(random[static_cast<std::size_t>(j - i)]);
        y[j] = u >= probability ? x[j] / keep_probability : 0;
      }
    }
  });
}

}  // namespace cf::kernels
