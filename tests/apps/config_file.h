// A folder of configuration files that lives as long as a test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "apps/config/config.h"
#include "kernels/base/check.h"
#include "tests/scratch_folder.h"

namespace cf::apps {

namespace fs = std::filesystem;

class ConfigFile : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }

  // The message of the error that loading a file of this text gives, without the folder's name.
  std::string message(const std::string& text, const std::vector<std::string>& settings = {}) const {
    return message_of_file(write("recipe.toml", text), settings);
  }

  std::string message_of_file(const std::string& path, const std::vector<std::string>& settings = {}) const {
    try {
      load_config(path, settings);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      std::string text = error.what();
      const std::string prefix = folder_.string() + "/";
      for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
        text.erase(at, prefix.size());
      }
      return text;
    }
    return "no error";
  }

  const ScratchFolder scratch_;
  const fs::path folder_ = scratch_.path();
};

}  // namespace cf::apps
