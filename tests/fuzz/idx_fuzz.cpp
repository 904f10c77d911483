// Reads a pair of IDX files: the first byte says how much of the rest is the labels.
#include "data/formats/idx.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  if (size < 1) return 0;
  const std::size_t labels = data[0] * (size - 1) / 255;
  const FuzzFile label_file(data + 1, labels), image_file(data + 1 + labels, size - 1 - labels);
  return expect_only({ErrorKind::Data},
                     [&] { data::open_idx({.images = image_file.path(), .labels = label_file.path()}, 0); });
}
