// The folder of the tests' data: the one of the sources, or where a test runs without them, the one that the
// environment variable CF_TEST_FILES names.
#pragma once

#include <cstdlib>
#include <string>

namespace cf {

inline std::string test_files() {
  const char* moved = std::getenv("CF_TEST_FILES");
  return moved != nullptr ? moved : CF_TEST_FILES;
}

}  // namespace cf
