#include "data/formats/imagenet_devkit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "data/file_descriptor.h"
#include "data/files.h"
#include "data/formats/mat5.h"
#include "data/formats/tar.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view kMeta = "meta.mat", kGroundTruth = "ILSVRC2012_validation_ground_truth.txt";

Bytes contents_of(std::string_view file, const std::vector<TarMember>& members, Bytes archive,
                  const std::string& path) {
  const auto found = std::find_if(members.begin(), members.end(), [&](const TarMember& member) {
    return member.name == file || member.name.ends_with(concat("/", file));
  });
  CF_CHECK_AS(ErrorKind::Data, found != members.end(), path, " holds no ", file,
              "; wanted: ILSVRC2012_devkit_t12.tar.gz as it was downloaded");
  return archive.subspan(found->offset, found->bytes);
}

// The WordNet ids of the synsets that images are labelled with, by ILSVRC2012_ID.
std::map<int, std::string> read_classes(Bytes meta) {
  const MatStructArray synsets = read_mat_struct_array(meta, "synsets");
  std::map<int, std::string> classes;
  for (std::size_t i = 0; i < synsets.elements; ++i) {
    const auto number = [&](std::string_view field) {
      const auto& numbers = synsets.value(i, field).numbers;
      CF_CHECK_AS(ErrorKind::Data,
                  numbers.size() == 1 && numbers[0] >= 0 && numbers[0] < 1e9 &&
                      numbers[0] == static_cast<int>(numbers[0]),
                  "synsets(", i + 1, ").", field, " is no whole number");
      return static_cast<int>(numbers[0]);
    };
    if (number("num_children") > 0) continue;
    const std::string& id = synsets.value(i, "WNID").text;
    CF_CHECK_AS(ErrorKind::Data, !id.empty(), "synsets(", i + 1, ").WNID is empty");
    const bool is_new = classes.emplace(number("ILSVRC2012_ID"), id).second;
    CF_CHECK_AS(ErrorKind::Data, is_new, "synsets(", i + 1, ").ILSVRC2012_ID is given twice");
  }
  CF_CHECK_AS(ErrorKind::Data, !classes.empty(), "no synset without children");
  return classes;
}

// One number a line.
std::vector<int> read_ground_truth(Bytes file) {
  const std::string text(file.begin(), file.end());
  std::string_view rest = text;
  std::vector<int> numbers;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    int number = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    CF_CHECK_AS(ErrorKind::Data, error == std::errc{} && end == line.data() + line.size(), "line ",
                numbers.size() + 1, " is '", line, "', must be a number");
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

bool is_imagenet_devkit(const std::string& path) {
  const FileDescriptor file = FileDescriptor::for_reading(path);
  std::array<std::uint8_t, 2> first{};
  if (file.size() < first.size()) return false;
  file.read_at(0, first.data(), first.size());
  const bool is_gzip = first[0] == 0x1f && first[1] == 0x8b;
  return is_gzip || is_tar(path);
}

ImageLabels read_imagenet_devkit(const std::string& path) {
  constexpr std::uint64_t kMaxBytes = 64 << 20;  // the kit has 2.5 MB; an archive of images is a mistake
  const std::uint64_t bytes = FileDescriptor::for_reading(path).size();
  CF_CHECK_AS(ErrorKind::Data, bytes <= kMaxBytes, path, " has ", bytes,
              " bytes, too many for labels; wanted: ILSVRC2012_devkit_t12.tar.gz as it was downloaded");
  const std::vector<std::uint8_t> archive = read_maybe_gzip(path);
  const std::vector<TarMember> members = list_tar(archive, path);
  const auto classes = in_context([&] { return concat(path, "/", kMeta); },
                                  [&] { return read_classes(contents_of(kMeta, members, archive, path)); });
  ImageLabels labels;
  for (const auto& [number, id] : classes) labels.classes.push_back(id);
  std::sort(labels.classes.begin(), labels.classes.end());
  in_context([&] { return concat(path, "/", kGroundTruth); },
             [&] {
               int line = 0;
               for (const int number : read_ground_truth(contents_of(kGroundTruth, members, archive, path))) {
                 ++line;
                 const auto found = classes.find(number);
                 CF_CHECK_AS(ErrorKind::Data, found != classes.end(), "line ", line, " is ", number,
                             ", which is no ILSVRC2012_ID of ", kMeta);
                 labels.class_of.emplace(fmt::format("ILSVRC2012_val_{:08}", line), found->second);
               }
               CF_CHECK_AS(ErrorKind::Data, line > 0, "no labels");
             });
  return labels;
}

}  // namespace cf::data
