// Reads labels: a table or ImageNet's development kit, by the first bytes.
#include "data/formats/image_labels.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  const FuzzFile file(data, size);
  return expect_only({ErrorKind::Data}, [&] { data::read_image_labels(file.path()); });
}
