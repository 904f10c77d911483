#include "apps/plot/output_file.h"

#include <fstream>

#include "kernels/base/check.h"

namespace cf::apps {

void write_output_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  CF_CHECK_AS(ErrorKind::Usage, file.good(), "cannot write ", path);
}

}  // namespace cf::apps
