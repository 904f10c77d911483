#include "apps/run_folder/metrics_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "kernels/base/check.h"

namespace cf::apps {
namespace {

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Calls body(row, bytes up to its end) for every whole line.
template <class Body>
void for_each_row(const std::string& path, Body&& body) {
  const std::string text = read_whole(path);
  std::size_t begin = 0, line = 1;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin), ++line) {
    const auto row = in_context([&] { return concat(path, ":", line); },
                                [&] { return metrics_row_from_json(text.substr(begin, end - begin)); });
    begin = end + 1;
    body(row, static_cast<std::int64_t>(begin));
  }
}

}  // namespace

MetricsLog::MetricsLog(std::string path)
    : path_(std::move(path)), file_(path_, O_WRONLY | O_CREAT, ErrorKind::Data) {
  struct stat status {};
  const bool regular = fstat(file_.number(), &status) == 0 && S_ISREG(status.st_mode);
  CF_CHECK_AS(ErrorKind::Data, regular, path_, " is not a regular file");
  cut_to(static_cast<std::int64_t>(read_whole(path_).rfind('\n') + 1));  // npos + 1 is 0: no whole line
}

void MetricsLog::cut_to(std::int64_t bytes) {
  CF_CHECK_AS(ErrorKind::Data, ftruncate(file_.number(), bytes) == 0, "cannot cut ", path_, ": ",
              system_message(errno));
  size_ = bytes;
}

void MetricsLog::append(const MetricsRow& row) {
  const std::string line = to_json_line(row) + "\n";
  std::size_t written = 0;
  while (written < line.size()) {
    const auto count = pwrite(file_.number(), line.data() + written, line.size() - written,
                              size_ + static_cast<std::int64_t>(written));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int reason = count < 0 ? errno : ENOSPC;
      cut_to(size_);
      fail(ErrorKind::Data, "cannot write ", path_, ": ", system_message(reason));
    }
    written += static_cast<std::size_t>(count);
  }
  size_ += static_cast<std::int64_t>(line.size());
}

void MetricsLog::cut_after(std::int64_t step) {
  std::int64_t keep = 0;
  bool keeping = true;  // rows are in the order of steps; what follows a dropped row belongs to the lost part
  for_each_row(path_, [&](const MetricsRow& row, std::int64_t end) {
    keeping = keeping && step_of(row) <= step;
    if (keeping) keep = end;
  });
  cut_to(keep);
}

std::vector<MetricsRow> read_metrics(const std::string& path) {
  std::vector<MetricsRow> rows;
  for_each_row(path, [&](const MetricsRow& row, std::int64_t) { rows.push_back(row); });
  return rows;
}

}  // namespace cf::apps
