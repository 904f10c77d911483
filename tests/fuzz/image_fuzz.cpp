// Decodes an image whole, then a crop at the smallest scale; the first two bytes place the crop.
#include "data/decode.h"
#include "data/files.h"
#include "data/formats/exif.h"
#include "data/formats/image_size.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  if (size < 2) return 0;
  static data::Decoder decoder(1 << 20);
  static data::EncodedImage encoded;
  static data::DecodedImage decoded;
  encoded.bytes.assign(data + 2, data + size);
  encoded.encoding = data::encoding_of(encoded.bytes);
  if (encoded.encoding == data::ImageEncoding::Raw) return 0;
  if (encoded.encoding > data::ImageEncoding::Png) {  // decoded by OpenCV, which is not fuzzed here
    return expect_only({ErrorKind::Data}, [&] { data::size_in_header(encoded.encoding, encoded.bytes); });
  }
  data::exif_orientation(encoded.bytes);
  return expect_only({ErrorKind::Data}, [&] {
    const auto header = decoder.header(encoded);
    const int top = data[0] * (header.height - 1) / 255, left = data[1] * (header.width - 1) / 255;
    const data::PixelBox crop{top, left, (header.height - top + 1) / 2, (header.width - left + 1) / 2};
    decoder.decode(encoded, {.channels = 3, .crop = crop, .at_least = {4, 4}}, decoded);
    decoder.decode(encoded, {.channels = 1}, decoded);
  });
}
