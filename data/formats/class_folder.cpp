#include "data/formats/class_folder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "data/files.h"
#include "data/formats/image_labels.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

namespace fs = std::filesystem;

class ClassFolder final : public Dataset {
 public:
  ClassFolder(std::string root, std::vector<std::string> class_names, int channels)
      : root_(std::move(root)), class_names_(std::move(class_names)), channels_(channels) {}

  void add(std::int64_t label, std::string relative_path) {
    labels_.push_back(static_cast<std::int32_t>(label));
    paths_.push_back(std::move(relative_path));
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(paths_.size()); }
  int channels() const override { return channels_; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::int64_t label(std::int64_t sample) const override {
    return labels_.at(static_cast<std::size_t>(sample));
  }
  std::string name(std::int64_t sample) const override {
    return root_ + "/" + paths_.at(static_cast<std::size_t>(sample));
  }
  void read(std::int64_t sample, EncodedImage& out) const override { read_image_file(name(sample), out); }

 private:
  std::string root_;
  std::vector<std::string> class_names_;
  int channels_;
  std::vector<std::string> paths_;  // below root_
  std::vector<std::int32_t> labels_;
};

// Image files below root/folder, relative to root, sorted; hidden files and folders left out.
std::vector<std::string> images_below(const std::string& root, const std::string& folder) {
  std::vector<std::string> found;
  const auto options = fs::directory_options::follow_directory_symlink;
  const fs::recursive_directory_iterator end;
  for (fs::recursive_directory_iterator at(fs::path(root) / folder, options); at != end; ++at) {
    const std::string file = at->path().filename().string();
    if (file.front() == '.') {  // .ipynb_checkpoints, say, holds copies
      at.disable_recursion_pending();
    } else if (has_image_extension(file) && at->is_regular_file()) {
      found.push_back(at->path().lexically_relative(root).string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::int64_t image_files_in(const std::string& path) {
  std::int64_t count = 0;
  for (const auto& entry : fs::directory_iterator(path)) count += has_image_extension(entry.path().string());
  return count;
}

}  // namespace

std::vector<std::string> subfolders(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name.front() != '.' && entry.is_directory()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::unique_ptr<Dataset> open_class_folder(const std::string& path, std::vector<std::string> class_names,
                                           int channels) {
  const std::vector<std::string> folders = subfolders(path);
  if (folders.empty()) {
    const std::int64_t images = image_files_in(path);
    CF_CHECK_AS(
        ErrorKind::Data, images == 0, path, " holds ", images,
        " images but no class folders, so that their labels are unknown; wanted: one folder per class, ",
        path, "/<class>/<image>.jpg, or their labels: ", wanted_labels());
    fail(ErrorKind::Data, path,
         " holds no data set; wanted: one folder per class with image files, IDX files"
         " (train-images-idx3-ubyte.gz ...) or CIFAR binary files (data_batch_1.bin ...)");
  }
  if (class_names.empty()) class_names = folders;

  auto dataset = std::make_unique<ClassFolder>(path, class_names, channels);
  for (const auto& folder : folders) {
    const auto at = std::lower_bound(class_names.begin(), class_names.end(), folder);
    CF_CHECK_AS(ErrorKind::Data, at != class_names.end() && *at == folder, "the class folder ", path, "/",
                folder, " is not among the ", class_names.size(), " classes of the training data");
    std::vector<std::string> images = images_below(path, folder);
    CF_CHECK_AS(ErrorKind::Data, !images.empty(), "the class folder ", path, "/", folder, " holds no image (",
                kImageExtensions, ")");
    for (auto& image : images) dataset->add(at - class_names.begin(), std::move(image));
  }
  return dataset;
}

std::unique_ptr<Dataset> open_labelled_folder(const std::string& path, const std::string& labels_path,
                                              int channels) {
  CF_CHECK_AS(ErrorKind::Usage, subfolders(path).empty(), path,
              " holds class folders, which say the classes; ", labels_path, " is not needed");
  const ImageLabels labels = read_image_labels(labels_path);
  auto dataset = std::make_unique<ClassFolder>(path, labels.classes, channels);
  for (auto& image : images_below(path, "")) {
    const auto found = labels.class_of.find(fs::path(image).stem().string());
    CF_CHECK_AS(ErrorKind::Data, found != labels.class_of.end(), labels_path, " has no label for ", path, "/",
                image);
    const auto at = std::lower_bound(labels.classes.begin(), labels.classes.end(), found->second);
    dataset->add(at - labels.classes.begin(), std::move(image));
  }
  CF_CHECK_AS(ErrorKind::Data, dataset->size() > 0, path, " holds no image (", kImageExtensions, ")");
  return dataset;
}

}  // namespace cf::data
