// A folder that lives as long as a test, and files in it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "data/files.h"
#include "tests/scratch_folder.h"

namespace cf::data {

class TemporaryFolder {
 public:
  std::string operator/(const std::string& name) const { return (folder_ / name).string(); }
  std::string path() const { return folder_.path().string(); }

  // Writes a file, making the folders above it; gives its path.
  std::string write(const std::string& name, const std::vector<std::uint8_t>& bytes) const {
    const std::filesystem::path file = *this / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return file.string();
  }
  std::string write(const std::string& name, const std::string& text) const {
    return write(name, std::vector<std::uint8_t>(text.begin(), text.end()));
  }

 private:
  ScratchFolder folder_;
};

inline std::vector<std::uint8_t> contents(const std::string& path) {
  std::vector<std::uint8_t> bytes;
  read_file(path, bytes);
  return bytes;
}

}  // namespace cf::data
