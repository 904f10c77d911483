#include "apps/bench/page_cache.h"

#include <filesystem>

#include "data/file_descriptor.h"
#include "kernels/base/check.h"

namespace cf::apps {

namespace {

namespace fs = std::filesystem;

template <class Body>
void for_each_file(const std::string& path, const Body& body) {
  if (fs::is_regular_file(path)) {
    body(data::FileDescriptor::for_reading(path));
    return;
  }
  CF_CHECK_AS(ErrorKind::Usage, fs::is_directory(path), path,
              " is neither a file nor a folder, so that it cannot be in the cache");
  for (const auto& entry :
       fs::recursive_directory_iterator(path, fs::directory_options::follow_directory_symlink)) {
    if (entry.is_regular_file()) body(data::FileDescriptor::for_reading(entry.path().string()));
  }
}

}  // namespace

CachedBytes cached_bytes(const std::string& path) {
  CachedBytes bytes;
  for_each_file(path, [&](const data::FileDescriptor& file) {
    bytes.total += file.size();
    if (file.size() > 0) bytes.cached += file.cached_bytes();
  });
  return bytes;
}

void drop_from_cache(const std::string& path) {
  for_each_file(path, [](const data::FileDescriptor& file) { file.drop_cached(); });
}

}  // namespace cf::apps
