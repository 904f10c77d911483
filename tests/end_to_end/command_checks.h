// What tests of single commands share: how a call succeeds, how it is refused, a folder's contents.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/end_to_end/convfirst_process.h"
#include "tests/end_to_end/tiny_run.h"
#include "tests/file_bytes.h"
#include "tests/scratch_folder.h"

namespace cf {

using Arguments = std::vector<std::string>;

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// stdout of a call that must end with 0. Nothing of a progress bar is on either stream: neither is a
// terminal.
inline std::string output_of(const Arguments& arguments, const std::filesystem::path& folder) {
  const ProcessResult result = run_convfirst(arguments, {.folder = folder});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const char c : {'\r', '\033'}) {
    EXPECT_EQ(result.out.find(c), std::string::npos) << result.out;
    EXPECT_EQ(result.err.find(c), std::string::npos) << result.err;
  }
  return result.out;
}

// Path below the folder and contents of every file, also those that contents_of leaves out; folders have
// none.
inline std::map<std::string, std::string> all_contents_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).native();
    contents[name] = entry.is_regular_file() ? read_bytes(entry.path()) : "";
  }
  return contents;
}

// A call that must end with `exit_code`, say every one of `words` on stderr and nothing on stdout, and leave
// the folder it runs in as it was.
inline void expect_refused(const std::filesystem::path& folder, const Arguments& arguments, int exit_code,
                           std::initializer_list<std::string_view> words) {
  std::string call = "convfirst";
  for (const auto& argument : arguments) call += " " + argument;
  SCOPED_TRACE(call);
  const auto before = all_contents_of(folder);
  const ProcessResult result = run_convfirst(arguments, {.folder = folder});
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_EQ(result.out, "");
  for (const auto word : words) {
    EXPECT_NE(result.err.find(word), std::string::npos) << "'" << word << "' is not in: " << result.err;
  }
  EXPECT_TRUE(all_contents_of(folder) == before) << "files have changed";
}

// A folder with a finished tiny run in "run": 4 classes, one channel, 24 pixels, with averaged weights.
class TrainedRun : public testing::Test {
 protected:
  TrainedRun() {
    const ProcessResult result = run_convfirst(tiny_run("run", 8), {.folder = folder()});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }

  const std::filesystem::path& folder() const { return scratch_.path(); }
  std::filesystem::path operator/(std::string_view name) const { return scratch_ / name; }

  std::string output(const Arguments& arguments) const { return output_of(arguments, folder()); }
  void refuse(const Arguments& arguments, int exit_code,
              std::initializer_list<std::string_view> words) const {
    expect_refused(folder(), arguments, exit_code, words);
  }

 private:
  ScratchFolder scratch_;
};

}  // namespace cf
