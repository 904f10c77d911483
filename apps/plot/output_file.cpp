#include "apps/plot/output_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "kernels/base/check.h"

namespace cf::apps {

void write_output_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const bool is_open = file.is_open();
  file << text;
  file.close();
  if (file.good()) return;
  const int reason = errno;
  std::error_code ignored;
  if (is_open && std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
  fail(ErrorKind::Usage, "cannot write ", path, ": ", std::strerror(reason));
}

}  // namespace cf::apps
