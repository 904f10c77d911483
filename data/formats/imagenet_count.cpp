#include "data/formats/imagenet_count.h"

#include <algorithm>
#include <filesystem>

#include "data/formats/imagenet_classes.h"
#include "kernels/base/check.h"

namespace cf::data {

std::string missing_of_imagenet(const Dataset& dataset, const std::string& path) {
  const auto classes = imagenet_classes();
  const auto& names = dataset.class_names();
  const bool has_all_classes =
      std::equal(names.begin(), names.end(), classes.begin(), classes.end(),
                 [](const std::string& name, const ImageNetClass& c) { return name == c.id; });
  const std::string file = std::filesystem::path(path).filename().string();
  const bool has_official_name = file == "ILSVRC2012_img_train.tar" || file == "ILSVRC2012_img_val.tar";
  if (!has_all_classes && !has_official_name) return {};
  if (!has_all_classes) {
    for (const ImageNetClass& wanted : classes) {
      if (std::find(names.begin(), names.end(), wanted.id) == names.end()) {
        return concat(path, " is called as ImageNet is but has ", names.size(), " classes, none of them ",
                      wanted.id, " (", wanted.name, "); wanted: the 1,000 synsets of ILSVRC 2012");
      }
    }
    return concat(path, " is called as ImageNet is but has ", names.size(), " classes; wanted: 1,000");
  }
  const std::int64_t images = dataset.size();
  if (images == kImageNetTrainImages || images == kImageNetValImages) return {};
  return concat(path, " has the 1,000 classes of ImageNet but ", images,
                " images; wanted: ", kImageNetTrainImages, " for training or ", kImageNetValImages,
                " for validation");
}

}  // namespace cf::data
