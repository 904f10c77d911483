#include "data/formats/idx.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <utility>

#include "data/files.h"
#include "data/formats/class_names.h"
#include "data/formats/raw_dataset.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

namespace fs = std::filesystem;

struct IdxArray {
  std::vector<std::int64_t> extents;
  std::vector<std::uint8_t> values;
};

std::int64_t big_endian_32(const std::uint8_t* p) {
  return std::int64_t{p[0]} << 24 | std::int64_t{p[1]} << 16 | std::int64_t{p[2]} << 8 | std::int64_t{p[3]};
}

IdxArray read_idx(const std::string& path, int rank) {
  constexpr std::uint8_t kUnsignedByte = 8;
  constexpr std::int64_t kMaxSide = 1 << 15;
  std::vector<std::uint8_t> bytes = read_maybe_gzip(path);
  const std::size_t header = 4 + 4 * static_cast<std::size_t>(rank);
  CF_CHECK_AS(ErrorKind::Data, bytes.size() >= header, path, ": ", bytes.size(),
              " bytes, an IDX header of rank ", rank, " has ", header);
  CF_CHECK_AS(ErrorKind::Data,
              bytes[0] == 0 && bytes[1] == 0 && bytes[2] == kUnsignedByte && bytes[3] == rank, path,
              ": not IDX of unsigned bytes with rank ", rank, ": the magic number is ",
              big_endian_32(bytes.data()), ", must be ", kUnsignedByte * 256 + rank);
  IdxArray array;
  std::int64_t size = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const std::int64_t extent = big_endian_32(bytes.data() + 4 + 4 * axis);
    CF_CHECK_AS(ErrorKind::Data, axis == 0 || (extent >= 1 && extent <= kMaxSide), path, ": extent ", extent,
                " of axis ", axis, " is outside 1 ... ", kMaxSide);
    array.extents.push_back(extent);
    size *= extent;
  }
  const auto present = static_cast<std::int64_t>(bytes.size() - header);
  CF_CHECK_AS(ErrorKind::Data, present == size, path, ": the header declares ", size,
              " bytes of data, the file has ", present);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  array.values = std::move(bytes);
  return array;
}

std::optional<std::string> first_existing(const std::string& stem, const char* kind) {
  for (const char* separator : {"-", "."}) {
    for (const char* ending : {"-ubyte", "-ubyte.gz"}) {
      std::string path = stem + separator + kind + ending;
      if (fs::is_regular_file(path)) return path;
    }
  }
  return std::nullopt;
}

std::vector<std::string> class_names_for(const IdxFiles& files) {
  const std::string listed = (fs::path(files.labels).parent_path() / "classes.txt").string();
  if (fs::is_regular_file(listed)) return read_class_names(listed);
  std::string lower = fs::absolute(files.labels).string();
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower.find("fashion") != std::string::npos ? fashion_mnist_class_names() : digit_class_names();
}

}  // namespace

std::optional<IdxFiles> find_idx(const std::string& prefix) {
  const auto images = first_existing(prefix + "-images", "idx3");
  if (!images) return std::nullopt;
  const auto labels = first_existing(prefix + "-labels", "idx1");
  CF_CHECK_AS(ErrorKind::Data, labels.has_value(), "found ", *images, " but not its labels, ", prefix,
              "-labels-idx1-ubyte[.gz]");
  return IdxFiles{*images, *labels};
}

std::unique_ptr<Dataset> open_idx(const IdxFiles& files, int channels) {
  IdxArray images = read_idx(files.images, 3);
  const IdxArray labels = read_idx(files.labels, 1);
  CF_CHECK_AS(ErrorKind::Data, images.extents[0] == labels.extents[0], files.images, " holds ",
              images.extents[0], " images, ", files.labels, " holds ", labels.extents[0], " labels");
  CF_CHECK_AS(ErrorKind::Data, images.extents[0] > 0, files.images, " holds no images");
  RawSamples samples;
  samples.height = static_cast<int>(images.extents[1]);
  samples.width = static_cast<int>(images.extents[2]);
  samples.channels = 1;
  samples.pixels = std::move(images.values);
  samples.labels.assign(labels.values.begin(), labels.values.end());
  samples.class_names = class_names_for(files);
  samples.files = {{files.labels, 0}};
  return make_raw_dataset(std::move(samples), channels);
}

}  // namespace cf::data
