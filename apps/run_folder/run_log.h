// What a run says: each line goes to stderr and, with the time, to RUN/log.txt.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

namespace cf::apps {

class RunLog {
 public:
  // Appends to the file.
  explicit RunLog(const std::filesystem::path& path);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  void line(const std::string& text);
  // To the file only: what stderr shows in another form.
  void file_line(const std::string& text);

 private:
  std::FILE* file_;
};

}  // namespace cf::apps
