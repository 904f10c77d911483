// Reads the struct array of ImageNet's meta.mat.
#include "data/formats/mat5.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  return expect_only({ErrorKind::Data}, [&] {
    const auto array = data::read_mat_struct_array(std::span(data, size), "synsets");
    if (array.values.size() != array.elements * array.fields.size()) std::abort();
  });
}
