#include "apps/run_folder/run_log.h"

#include <fmt/chrono.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "kernels/base/check.h"

namespace cf::apps {

RunLog::RunLog(const std::filesystem::path& path) : file_(std::fopen(path.c_str(), "ae")) {
  CF_CHECK_AS(ErrorKind::Usage, file_ != nullptr, "cannot write ", path.string(), ": ", std::strerror(errno));
}

RunLog::~RunLog() { std::fclose(file_); }

void RunLog::line(const std::string& text) {
  fmt::print(stderr, "{}\n", text);
  file_line(text);
}

void RunLog::file_line(const std::string& text) {
  fmt::print(file_, "{:%Y-%m-%d %H:%M:%S} {}\n", fmt::localtime(std::time(nullptr)), text);
  std::fflush(file_);
}

}  // namespace cf::apps
