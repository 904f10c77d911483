#include "apps/inference/route_cache.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>
#include <vector>

#include "apps/version.h"
#include "framework/state/atomic_file.h"
#include "kernels/base/check.h"
#include "kernels/base/crc32c.h"

namespace cf::apps {

namespace {

constexpr std::string_view kFormat = "convfirst routes 1";

std::map<std::string, std::map<std::string, BlockTimes>> read_times(const std::filesystem::path& file) {
  std::ifstream stream(file);
  const auto json = nlohmann::json::parse(stream);
  CF_CHECK(json.at("format") == kFormat, "its format is not '", kFormat, "'");
  std::map<std::string, std::map<std::string, BlockTimes>> times;
  for (const auto& [conditions, blocks] : json.at("seconds").items()) {
    for (const auto& [block, entry] : blocks.items()) {
      const BlockTimes read{entry.at("fused").get<double>(), entry.at("layers").get<double>()};
      CF_CHECK(read.fused > 0 && read.layers > 0, "a time of '", block, "' is not positive");
      times[conditions][block] = read;
    }
  }
  return times;
}

}  // namespace

std::optional<std::string> build_key(const std::filesystem::path& program) {
  std::ifstream stream(program, std::ios::binary);
  std::vector<char> part(std::size_t{1} << 20);
  std::uint32_t checksum = 0;
  while (stream) {
    stream.read(part.data(), std::ssize(part));
    checksum =
        crc32c(std::as_bytes(std::span(part).first(static_cast<std::size_t>(stream.gcount()))), checksum);
  }
  if (!stream.eof()) return std::nullopt;
  return fmt::format("{} {:08x}", build_id(), checksum);
}

std::filesystem::path route_cache_file() {
  const auto folder_of = [](const char* variable) {
    const char* value = std::getenv(variable);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  // The specification of XDG_CACHE_HOME has a relative path ignored.
  std::filesystem::path folder = folder_of("XDG_CACHE_HOME");
  if (!folder.is_absolute()) folder = folder_of("HOME").is_absolute() ? folder_of("HOME") / ".cache" : "";
  return folder.empty() ? folder : folder / "convfirst" / "routes.json";
}

RouteCache::RouteCache(std::filesystem::path file) : file_(std::move(file)) {
  std::error_code unreachable;
  if (file_.empty() || !std::filesystem::exists(file_, unreachable)) return;
  try {
    times_ = read_times(file_);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: not used, and written anew: {}\n", file_.string(), error.what());
  }
}

std::optional<BlockTimes> RouteCache::find(const std::string& conditions, const std::string& block) const {
  const auto blocks = times_.find(conditions);
  if (blocks == times_.end()) return std::nullopt;
  const auto found = blocks->second.find(block);
  return found == blocks->second.end() ? std::nullopt : std::optional(found->second);
}

void RouteCache::add(const std::string& conditions, const std::string& block, const BlockTimes& times) {
  times_[conditions][block] = times;
}

void RouteCache::save() const {
  if (file_.empty()) return;
  nlohmann::ordered_json json = {{"format", kFormat}, {"seconds", nlohmann::ordered_json::object()}};
  for (const auto& [conditions, blocks] : times_) {
    for (const auto& [block, times] : blocks) {
      json["seconds"][conditions][block] = {{"fused", times.fused}, {"layers", times.layers}};
    }
  }
  try {
    std::filesystem::create_directories(file_.parent_path());
    write_atomically(file_, json.dump(2) + "\n", SyncPolicy::Cached);
  } catch (const std::exception& error) {
    fmt::print(stderr, "measured routes are not kept: {}\n", error.what());
  }
}

}  // namespace cf::apps
