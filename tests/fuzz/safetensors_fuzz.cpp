// Opens a safetensors file, reads every tensor and compares the checksums.
#include <vector>

#include "framework/state/safetensors_file.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  const FuzzFile file(data, size);
  return expect_only({ErrorKind::Checkpoint}, [&] {
    const SafetensorsReader reader(file.path());
    for (const TensorEntry& entry : reader.entries()) {
      const auto bytes = static_cast<std::size_t>(byte_count(entry));
      if (bytes > size) std::abort();
      std::vector<std::byte> tensor(bytes);
      reader.read(entry.name, tensor);
    }
    if (reader.has_checksums()) reader.verify();
  });
}
