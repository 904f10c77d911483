// The binary files of CIFAR-10 (data_batch_1.bin ... 5, test_batch.bin: label, then 32x32 planes R, G, B) and
// CIFAR-100 (train.bin, test.bin: coarse label, fine label, planes; the fine label is used).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace cf::data {

struct CifarFiles {
  bool fine_and_coarse = false;    // CIFAR-100
  std::vector<std::string> paths;  // of one split
  std::string names_path;          // batches.meta.txt or fine_label_names.txt, perhaps missing
};

// The files of a split in PATH or in PATH/cifar-10-batches-bin, PATH/cifar-100-binary; nothing if there are
// none.
std::optional<CifarFiles> find_cifar(const std::string& path, Split split);

std::unique_ptr<Dataset> open_cifar(const CifarFiles& files, int channels);

}  // namespace cf::data
