// Lists an archive; every member must lie inside it.
#include <cstdlib>
#include <span>

#include "data/formats/tar.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  return expect_only({ErrorKind::Data}, [&] {
    for (const auto& member : data::list_tar(std::span(data, size), "input")) {
      if (member.offset > size || member.bytes > size - member.offset) std::abort();
    }
  });
}
