#include "apps/console/progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "apps/console/format.h"
#include "apps/console/terminal.h"

namespace cf::apps {
namespace {

std::string remaining_text(std::int64_t done, std::int64_t total, double elapsed) {
  if (done <= 0 || done >= total) return format_duration(elapsed);
  const double left = elapsed * static_cast<double>(total - done) / static_cast<double>(done);
  return format_duration(left) + " left";
}

}  // namespace

Progress::Progress(std::string title, std::int64_t total, std::FILE* stream, double plain_interval)
    : title_(std::move(title)),
      total_(total),
      stream_(stream),
      plain_interval_(plain_interval),
      terminal_(stream != nullptr && is_terminal(stream)) {}

Progress::~Progress() { clear(); }

void Progress::update(std::int64_t done, const std::string& words) {
  if (stream_ == nullptr) return;
  constexpr double kRedrawInterval = 0.1;
  const auto now = Clock::now();
  const double since_drawn = std::chrono::duration<double>(now - last_drawn_).count();
  const double interval = terminal_ ? (drawn_ ? kRedrawInterval : 0) : plain_interval_;
  if (since_drawn < interval) return;
  last_drawn_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  if (terminal_) {
    draw_bar(done, words, elapsed);
  } else {
    print_line(done, words, elapsed);
  }
}

void Progress::draw_bar(std::int64_t done, const std::string& words, double elapsed) {
  constexpr int kBarWidth = 24;
  const double share = total_ > 0 ? static_cast<double>(done) / static_cast<double>(total_) : 1;
  const int filled = std::clamp(static_cast<int>(share * kBarWidth), 0, kBarWidth);
  std::string line =
      fmt::format("{} [{}{}] {}/{}  {}  {}", title_, std::string(static_cast<std::size_t>(filled), '='),
                  std::string(static_cast<std::size_t>(kBarWidth - filled), ' '), done, total_,
                  remaining_text(done, total_, elapsed), words);
  line.resize(std::min<std::size_t>(line.size(), static_cast<std::size_t>(terminal_columns(stream_) - 1)));
  std::fprintf(stream_, "\r\033[K%s", line.c_str());
  std::fflush(stream_);
  drawn_ = true;
}

void Progress::print_line(std::int64_t done, const std::string& words, double elapsed) {
  std::fprintf(stream_, "%s\n",
               fmt::format("{} {}/{}  {}{}{}", title_, done, total_, remaining_text(done, total_, elapsed),
                           words.empty() ? "" : "  ", words)
                   .c_str());
  std::fflush(stream_);
}

void Progress::clear() {
  if (!drawn_) return;
  std::fputs("\r\033[K", stream_);
  std::fflush(stream_);
  drawn_ = false;
}

}  // namespace cf::apps
