#include "data/formats/archive.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "data/file_descriptor.h"
#include "data/files.h"
#include "data/formats/image_labels.h"
#include "data/formats/tar.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

struct Labelled {
  TarMember member;
  std::string class_name;
};

class Archive final : public Dataset {
 public:
  // NOLINTNEXTLINE(performance-unnecessary-value-param): the members of images are moved out
  Archive(FileDescriptor file, std::vector<std::string> class_names, std::vector<Labelled> images,
          int channels)
      : file_(std::move(file)), class_names_(std::move(class_names)), channels_(channels) {
    for (auto& [member, class_name] : images) {
      const auto at = std::lower_bound(class_names_.begin(), class_names_.end(), class_name);
      CF_CHECK_AS(ErrorKind::Data, at != class_names_.end() && *at == class_name, file_.path(), "/",
                  member.name, ": class '", class_name, "' is not among the ", class_names_.size(),
                  " of the training data");
      labels_.push_back(static_cast<std::int32_t>(at - class_names_.begin()));
      members_.push_back(std::move(member));
    }
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(members_.size()); }
  int channels() const override { return channels_; }
  const std::vector<std::string>& class_names() const override { return class_names_; }
  std::int64_t label(std::int64_t sample) const override {
    return labels_.at(static_cast<std::size_t>(sample));
  }
  std::string name(std::int64_t sample) const override {
    return concat(file_.path(), "/", member(sample).name);
  }

  void read(std::int64_t sample, EncodedImage& out) const override {
    const TarMember& found = member(sample);
    out.bytes.resize(found.bytes);
    in_context([&] { return name(sample); },
               [&] { file_.read_at(found.offset, out.bytes.data(), out.bytes.size()); });
    CF_CHECK_AS(ErrorKind::Data, find_encoding(out), name(sample), kIsNoImage, " (", out.bytes.size(),
                " bytes)");
  }

  void will_read(std::int64_t first, std::int64_t count) const override {
    const TarMember &begin = member(first), &last = member(first + count - 1);
    const std::uint64_t end = last.offset + last.bytes;
    if (end > begin.offset) file_.will_read(begin.offset, end - begin.offset);
  }

 private:
  const TarMember& member(std::int64_t sample) const { return members_.at(static_cast<std::size_t>(sample)); }

  FileDescriptor file_;
  std::vector<std::string> class_names_;
  int channels_;
  std::vector<TarMember> members_;
  std::vector<std::int32_t> labels_;
};

std::string_view without(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

std::string_view folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash + 1);
}

std::string stem_of(std::string_view path) {
  const std::string_view file = path.substr(folder_of(path).size());
  return std::string(file.substr(0, file.rfind('.')));
}

std::vector<Labelled> archives_inside(const FileDescriptor& file, const std::vector<TarMember>& archives,
                                      const OnMember& on_member) {
  std::vector<Labelled> images;
  for (const auto& archive : archives) {
    const std::string class_name = stem_of(archive.name);
    for (auto& member : list_tar(file, archive.offset, archive.offset + archive.bytes, on_member)) {
      if (!has_image_extension(member.name)) continue;
      member.name = concat(archive.name, "/", member.name);
      images.push_back({std::move(member), class_name});
    }
  }
  return images;
}

// The folders all images have in common, with a slash at the end.
std::string common_folder(const std::vector<TarMember>& images) {
  std::string common(folder_of(images.front().name));
  for (const auto& image : images) {
    while (!image.name.starts_with(common)) common = folder_of(common.substr(0, common.size() - 1));
  }
  return common;
}

std::vector<Labelled> labelled_by_folder(std::vector<TarMember> images, std::string_view below) {
  std::vector<Labelled> labelled;
  for (auto& image : images) {
    const std::string_view rest = without(image.name, below);
    std::string class_name(rest.substr(0, rest.find('/')));
    labelled.push_back({std::move(image), std::move(class_name)});
  }
  return labelled;
}

std::vector<Labelled> labelled_by_table(const std::string& path, std::vector<TarMember> images,
                                        const ImageLabels& labels, const std::string& labels_path) {
  std::vector<Labelled> labelled;
  for (auto& image : images) {
    const auto found = labels.class_of.find(stem_of(image.name));
    CF_CHECK_AS(ErrorKind::Data, found != labels.class_of.end(), labels_path, " has no label for ", path, "/",
                image.name);
    labelled.push_back({std::move(image), found->second});
  }
  return labelled;
}

std::vector<std::string> classes_of(const std::vector<Labelled>& images) {
  std::set<std::string> names;
  for (const auto& image : images) names.insert(image.class_name);
  return {names.begin(), names.end()};
}

// The images below FOLDER, e.g. root/train/.
std::vector<TarMember> below(const std::vector<TarMember>& images, const std::string& folder) {
  std::vector<TarMember> found;
  std::copy_if(images.begin(), images.end(), std::back_inserter(found),
               [&](const TarMember& image) { return image.name.starts_with(folder); });
  return found;
}

// Images in folders: perhaps in two splits, which number the classes alike.
std::unique_ptr<Dataset> open_folders(FileDescriptor file, std::vector<TarMember> images, Split split,
                                      int channels) {
  const std::string common = common_folder(images);
  const auto train = below(images, common + "train/"), val = below(images, common + "val/");
  if (train.size() + val.size() != images.size()) {
    auto labelled = labelled_by_folder(std::move(images), common);
    auto classes = classes_of(labelled);
    return std::make_unique<Archive>(std::move(file), std::move(classes), std::move(labelled), channels);
  }
  auto classes = classes_of(labelled_by_folder(train, common + "train/"));
  auto wanted = split == Split::Train ? labelled_by_folder(train, common + "train/")
                                      : labelled_by_folder(val, common + "val/");
  return std::make_unique<Archive>(std::move(file), std::move(classes), std::move(wanted), channels);
}

bool is_inner_archive(const TarMember& member) { return member.name.ends_with(".tar"); }

}  // namespace

std::unique_ptr<Dataset> open_archive(const DatasetSource& source, Split split) {
  const std::string &path = source.path, &labels_path = source.labels;
  const int channels = source.channels == 0 ? 3 : source.channels;
  FileDescriptor file = FileDescriptor::for_reading(path);
  const std::uint64_t total = file.size();
  const OnMember on_member = [&](std::uint64_t offset) {
    if (source.on_scan) source.on_scan({offset, total});
  };
  std::vector<TarMember> members = list_tar(file, 0, total, on_member);
  const auto refuse_labels = [&] {
    CF_CHECK_AS(ErrorKind::Usage, labels_path.empty(), path, " holds class folders, which say the classes; ",
                labels_path, " is not needed");
  };
  if (!members.empty() && std::all_of(members.begin(), members.end(), is_inner_archive)) {
    refuse_labels();
    auto labelled = archives_inside(file, members, on_member);
    CF_CHECK_AS(ErrorKind::Data, !labelled.empty(), path, " holds no image (", kImageExtensions, ")");
    auto classes = classes_of(labelled);
    return std::make_unique<Archive>(std::move(file), std::move(classes), std::move(labelled), channels);
  }
  std::erase_if(members, [](const TarMember& member) { return !has_image_extension(member.name); });
  CF_CHECK_AS(ErrorKind::Data, !members.empty(), path, " holds no image (", kImageExtensions, ")");
  const std::string common = common_folder(members);
  const bool is_flat = std::all_of(members.begin(), members.end(),
                                   [&](const TarMember& member) { return folder_of(member.name) == common; });
  if (!is_flat) {
    refuse_labels();
    return open_folders(std::move(file), std::move(members), split, channels);
  }
  CF_CHECK_AS(ErrorKind::Data, !labels_path.empty(), path, " holds ", members.size(),
              " images but no class folders, so that their labels are unknown; ", wanted_labels());
  ImageLabels labels = read_image_labels(labels_path);
  auto labelled = labelled_by_table(path, std::move(members), labels, labels_path);
  return std::make_unique<Archive>(std::move(file), std::move(labels.classes), std::move(labelled), channels);
}

}  // namespace cf::data
