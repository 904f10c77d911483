// Reads a binary file of CIFAR and its names: the first byte says which of the two kinds, the second how much
// of the rest is the names.
#include <algorithm>

#include "data/formats/cifar.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  if (size < 2) return 0;
  const std::size_t names = std::min<std::size_t>(data[1], size - 2);
  const FuzzFile names_file(data + 2, names), images_file(data + 2 + names, size - 2 - names);
  const data::CifarFiles files{
      .fine_and_coarse = (data[0] & 1u) != 0, .paths = {images_file.path()}, .names_path = names_file.path()};
  return expect_only({ErrorKind::Data}, [&] {
    const auto dataset = data::open_cifar(files, 0);
    data::EncodedImage image;
    for (std::int64_t i = 0; i < dataset->size(); ++i) {
      if (dataset->label(i) >= static_cast<std::int64_t>(dataset->class_names().size())) std::abort();
      dataset->read(i, image);
    }
  });
}
