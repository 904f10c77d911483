#include "apps/run_folder/run_log.h"

#include <fmt/chrono.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "kernels/base/check.h"

namespace cf::apps {

namespace {

// A stream that cannot be written (a full disk, a pipe that nobody reads) does not end a run.
void write_line(std::FILE* stream, const std::string& text) {
  std::fputs((text + "\n").c_str(), stream);
  std::fflush(stream);
}

}  // namespace

RunLog::RunLog(const std::filesystem::path& path, Console console)
    : file_(std::fopen(path.c_str(), "ae")), console_(console) {
  CF_CHECK_AS(ErrorKind::Usage, file_ != nullptr, "cannot write ", path.string(), ": ", std::strerror(errno));
}

RunLog::~RunLog() { std::fclose(file_); }

void RunLog::line(const std::string& text) {
  if (console_ == Console::Also) write_line(stderr, text);
  file_line(text);
}

void RunLog::file_line(const std::string& text) {
  write_line(file_, fmt::format("{:%Y-%m-%d %H:%M:%S} {}", fmt::localtime(std::time(nullptr)), text));
}

}  // namespace cf::apps
