// A folder of a test's own, removed with it, and what the tests of framework/state ask about errors.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "kernels/base/check.h"

namespace cf {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::path(testing::TempDir()) / "cf_state_XXXXXX").native();
    CF_CHECK(::mkdtemp(name.data()) != nullptr, "cannot make a folder in ", testing::TempDir());
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(path);  // ext4 waits for the disk when a file is cut to nothing and written again
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Expects an Error of `kind` whose message contains every one of `words`.
template <class Body>
void expect_error(ErrorKind kind, std::initializer_list<std::string_view> words, Body&& body) {
  try {
    body();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    for (const auto word : words) {
      EXPECT_NE(std::string_view(error.what()).find(word), std::string_view::npos)
          << "'" << word << "' is not in: " << error.what();
    }
  }
}

}  // namespace cf
