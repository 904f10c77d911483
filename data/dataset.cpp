#include "data/dataset.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "data/formats/archive.h"
#include "data/formats/cifar.h"
#include "data/formats/class_folder.h"
#include "data/formats/idx.h"
#include "data/formats/pack.h"
#include "data/formats/synthetic.h"
#include "data/formats/tar.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Dataset> open_folder(const DatasetSource& source, Split split) {
  const fs::path path(source.path);
  const bool train = split == Split::Train;
  const int channels = source.channels;
  if (!source.labels.empty())
    return open_labelled_folder(source.path, source.labels, channels == 0 ? 3 : channels);
  if (const auto files = find_idx((path / (train ? "train" : "t10k")).string()))
    return open_idx(*files, channels);
  CF_CHECK_AS(ErrorKind::Data, !find_idx((path / (train ? "t10k" : "train")).string()), source.path,
              " holds IDX files, but not those to ", train ? "train with, train" : "evaluate with, t10k",
              "-images-idx3-ubyte[.gz]");
  if (const auto files = find_cifar(source.path, split)) return open_cifar(*files, channels);

  const int folder_channels = channels == 0 ? 3 : channels;
  const auto folders = subfolders(source.path);
  const auto has = [&](const char* name) { return std::binary_search(folders.begin(), folders.end(), name); };
  if (!has("train") && !has("val")) return open_class_folder(source.path, {}, folder_channels);
  const char* wanted = train ? "train" : "val";
  CF_CHECK_AS(ErrorKind::Data, has(wanted), source.path, " holds ", train ? "val/" : "train/", " but not ",
              wanted, "/");
  // Both splits number the classes alike, also if one lacks some.
  const auto class_names = has("train") ? subfolders((path / "train").string()) : std::vector<std::string>{};
  return open_class_folder((path / wanted).string(), class_names, folder_channels);
}

std::unique_ptr<Dataset> open_file(const DatasetSource& source, Split split) {
  if (const auto files = find_idx(source.path)) return open_idx(*files, source.channels);
  CF_CHECK_AS(
      ErrorKind::Data, fs::exists(source.path), "no data at ", source.path, ": it does not exist",
      fs::path(source.path).is_relative() ? " in the working folder " + fs::current_path().string() : "");
  if (is_tar(source.path)) return open_archive(source, split);
  CF_CHECK_AS(ErrorKind::Usage, source.labels.empty(), source.path, " is no tar archive; labels such as ",
              source.labels, " are for folders and tar archives of images");
  if (is_pack(source.path)) return open_pack(source.path, source.channels);
  fail(ErrorKind::Data, source.path,
       " is a file but neither pack nor tar; wanted: one of these, or a folder of ",
       "class folders, of IDX or of CIFAR files");
}

}  // namespace

DatasetSource separate_labels(DatasetSource source) {
  std::error_code ignored;
  if (!source.labels.empty() || fs::exists(source.path, ignored)) return source;
  const auto colon = source.path.rfind(':');
  if (colon == std::string::npos || !fs::exists(source.path.substr(0, colon), ignored)) return source;
  source.labels = source.path.substr(colon + 1);
  source.path.erase(colon);
  CF_CHECK_AS(ErrorKind::Data, fs::is_regular_file(source.labels, ignored), "no labels at '", source.labels,
              "', behind the colon of ", source.path, ": no such file");
  return source;
}

std::unique_ptr<Dataset> open_dataset(const DatasetSource& given, Split split) {
  const DatasetSource source = separate_labels(given);
  CF_CHECK_AS(ErrorKind::Usage, source.channels == 0 || source.channels == 1 || source.channels == 3,
              "a data set's channels are ", source.channels, ", must be 1, 3 or 0 for what is stored");
  constexpr std::string_view kSynthetic = "synthetic:";
  if (source.path == "synthetic" || source.path.starts_with(kSynthetic)) {
    const auto options = source.path.size() > kSynthetic.size() ? source.path.substr(kSynthetic.size()) : "";
    return open_synthetic(options, split, source.channels);
  }
  try {
    if (fs::is_directory(source.path)) return open_folder(source, split);
    return open_file(source, split);
  } catch (const fs::filesystem_error& error) {
    fail(ErrorKind::Data, "cannot read ", error.path1().string(), ": ", error.code().message());
  }
}

std::unique_ptr<Dataset> open_dataset(const std::string& path, Split split) {
  return open_dataset(DatasetSource{path}, split);
}

void require_same_classes(const Dataset& train, const Dataset& val) {
  const auto& a = train.class_names();
  const auto& b = val.class_names();
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    CF_CHECK_AS(ErrorKind::Data, a[i] == b[i], "class ", i, " is '", a[i], "' in the training data and '",
                b[i], "' in the validation data");
  }
  CF_CHECK_AS(ErrorKind::Data, a.size() == b.size(), "the training data have ", a.size(),
              " classes, the validation data ", b.size());
}

}  // namespace cf::data
