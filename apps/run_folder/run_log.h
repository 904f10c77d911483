// What a run says: each line goes to stderr and, with the time, to RUN/log.txt. Ranks but the first write to
// a file of their own, and nothing to stderr. Lines may come from several threads.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

namespace cf::apps {

class RunLog {
 public:
  enum class Console { Also, Not };

  // Appends to the file.
  explicit RunLog(const std::filesystem::path& path, Console console = Console::Also);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  void line(const std::string& text);
  // To the file only: what stderr shows in another form.
  void file_line(const std::string& text);

 private:
  std::FILE* file_;
  Console console_;
};

}  // namespace cf::apps
