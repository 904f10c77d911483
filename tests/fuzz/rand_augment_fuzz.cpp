// Parses RandAugment's notation.
#include "data/transforms/rand_augment.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  const std::string text(reinterpret_cast<const char*>(data), size);
  return expect_only({ErrorKind::Usage}, [&] {
    const auto policy = data::parse_rand_augment(text);
    Philox draw(1, Purpose::Test);
    data::draw_step(policy, {32, 32}, draw);
  });
}
