// Opens a pack and reads and decodes its first records.
#include <algorithm>

#include "data/decode.h"
#include "data/formats/pack.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  const FuzzFile file(data, size);
  return expect_only({ErrorKind::Data}, [&] {
    const auto pack = data::open_pack(file.path(), 0);
    data::EncodedImage image;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(pack->size(), 8); ++i) {
      expect_only({ErrorKind::Data}, [&] {
        static_cast<void>(pack->name(i).size() + static_cast<std::size_t>(pack->label(i)));
        pack->read(i, image);
        data::Decoder(1 << 20).header(image);
      });
    }
  });
}
