// Reads a configuration file's text, and the same text as the value of a --set.
#include "apps/config/toml_reader.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cf;
  const std::string text(reinterpret_cast<const char*>(data), size);
  expect_only({ErrorKind::Usage}, [&] {
    for (const auto& entry : apps::read_toml(text, "input")) {
      static_cast<void>(entry.value.text().size() + entry.value.type().size());
    }
  });
  return expect_only({ErrorKind::Usage}, [&] { static_cast<void>(apps::read_setting(text).text()); });
}
