#include "data/formats/cifar.h"

#include <filesystem>
#include <utility>

#include "data/files.h"
#include "data/formats/class_names.h"
#include "data/formats/raw_dataset.h"
#include "kernels/base/check.h"

namespace cf::data {
namespace {

namespace fs = std::filesystem;

constexpr int kSide = 32;
constexpr int kPlane = kSide * kSide;

bool is_file(const fs::path& path) { return fs::is_regular_file(path); }

std::optional<CifarFiles> cifar10_in(const fs::path& folder, Split split) {
  if (!is_file(folder / "data_batch_1.bin") && !is_file(folder / "test_batch.bin")) return std::nullopt;
  CifarFiles files;
  files.names_path = (folder / "batches.meta.txt").string();
  if (split == Split::Val) {
    files.paths.push_back((folder / "test_batch.bin").string());
  } else {
    for (int i = 1; i <= 5; ++i) files.paths.push_back((folder / concat("data_batch_", i, ".bin")).string());
  }
  return files;
}

std::optional<CifarFiles> cifar100_in(const fs::path& folder, Split split) {
  if (!is_file(folder / "train.bin") && !is_file(folder / "test.bin")) return std::nullopt;
  CifarFiles files;
  files.fine_and_coarse = true;
  files.names_path = (folder / "fine_label_names.txt").string();
  files.paths.push_back((folder / (split == Split::Val ? "test.bin" : "train.bin")).string());
  return files;
}

std::vector<std::string> class_names_for(const CifarFiles& files) {
  if (is_file(files.names_path)) return read_class_names(files.names_path);
  if (!files.fine_and_coarse) return cifar10_class_names();
  std::vector<std::string> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back(concat(i));
  return numbers;
}

void append_file(const std::string& path, bool fine_and_coarse, RawSamples& samples) {
  const std::size_t labels = fine_and_coarse ? 2 : 1;
  const std::size_t record = labels + 3 * kPlane;
  std::vector<std::uint8_t> bytes;
  read_file(path, bytes);
  CF_CHECK_AS(ErrorKind::Data, !bytes.empty() && bytes.size() % record == 0, path, ": ", bytes.size(),
              " bytes are not a multiple of a record's ", record);
  samples.files.push_back({path, static_cast<std::int64_t>(samples.labels.size())});
  for (std::size_t at = 0; at < bytes.size(); at += record) {
    samples.labels.push_back(bytes[at + labels - 1]);
    const std::uint8_t* planes = bytes.data() + at + labels;
    for (int i = 0; i < kPlane; ++i) {
      for (int c = 0; c < 3; ++c) samples.pixels.push_back(planes[c * kPlane + i]);
    }
  }
}

}  // namespace

std::optional<CifarFiles> find_cifar(const std::string& path, Split split) {
  for (const char* below : {"", "cifar-10-batches-bin", "cifar-100-binary"}) {
    const fs::path folder = fs::path(path) / below;
    if (auto files = cifar10_in(folder, split)) return files;
    if (auto files = cifar100_in(folder, split)) return files;
  }
  return std::nullopt;
}

std::unique_ptr<Dataset> open_cifar(const CifarFiles& files, int channels) {
  RawSamples samples;
  samples.height = samples.width = kSide;
  samples.channels = 3;
  samples.class_names = class_names_for(files);
  for (const auto& path : files.paths) append_file(path, files.fine_and_coarse, samples);
  return make_raw_dataset(std::move(samples), channels);
}

}  // namespace cf::data
