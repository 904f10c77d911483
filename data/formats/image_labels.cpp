#include "data/formats/image_labels.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "data/files.h"
#include "data/formats/imagenet_devkit.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

std::map<std::string, std::string> read_table(const std::string& path) {
  std::vector<std::uint8_t> bytes;
  read_file(path, bytes);
  const std::string text(bytes.begin(), bytes.end());
  std::string_view rest = text;
  std::map<std::string, std::string> labels;
  for (int line_number = 1; !rest.empty(); ++line_number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (line_number == 1 && line.starts_with("ImageId,"))) continue;
    const std::string_view name = line.substr(0, line.find(','));
    const std::string_view behind = line.substr(std::min(line.size(), name.size() + 1));
    const std::string_view class_name = behind.substr(0, behind.find_first_of(" ,"));
    CF_CHECK_AS(ErrorKind::Data, !name.empty() && !class_name.empty(), path, ":", line_number, ": '", line,
                "' is not NAME,CLASS");
    const bool is_new = labels.emplace(name, class_name).second;
    CF_CHECK_AS(ErrorKind::Data, is_new, path, ":", line_number, ": ", name, " is given twice");
  }
  CF_CHECK_AS(ErrorKind::Data, !labels.empty(), path, " holds no labels");
  return labels;
}

}  // namespace

ImageLabels read_image_labels(const std::string& path) {
  if (is_imagenet_devkit(path)) return read_imagenet_devkit(path);
  ImageLabels labels{.class_of = read_table(path), .classes = {}};
  std::set<std::string> classes;
  for (const auto& [image, class_name] : labels.class_of) classes.insert(class_name);
  labels.classes.assign(classes.begin(), classes.end());
  return labels;
}

std::string_view wanted_labels() {
  return "give them behind a colon, IMAGES:LABELS; LABELS is ILSVRC2012_devkit_t12.tar.gz, "
         "LOC_val_solution.csv or a file of lines NAME,CLASS";
}

}  // namespace cf::data
