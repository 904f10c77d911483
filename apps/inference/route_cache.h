// Measured times of blocks, kept in a file so that they are measured once.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace cf::apps {

// Seconds of one block: by its fused kernels, and by a kernel for each layer.
struct BlockTimes {
  double fused, layers;
};

// build_id() and a checksum of the program's file: builds of one commit with different changes differ in it,
// and so may their kernels. Null where the file cannot be read.
std::optional<std::string> build_key(const std::filesystem::path& program = "/proc/self/exe");

// convfirst/routes.json in $XDG_CACHE_HOME, else in ~/.cache; empty where neither is known.
std::filesystem::path route_cache_file();

class RouteCache {
 public:
  // Reads the file if there is one. One that cannot be read, or is not what save() writes, counts as empty; a
  // line on stderr says so. An empty path: nothing is kept.
  explicit RouteCache(std::filesystem::path file);

  // `conditions`: all that times depend on beside the block.
  std::optional<BlockTimes> find(const std::string& conditions, const std::string& block) const;
  void add(const std::string& conditions, const std::string& block, const BlockTimes& times);

  // Whole or not at all; where the file cannot be written, a line on stderr says so.
  void save() const;

 private:
  std::filesystem::path file_;
  std::map<std::string, std::map<std::string, BlockTimes>> times_;
};

}  // namespace cf::apps
