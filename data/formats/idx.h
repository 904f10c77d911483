// IDX, the format of MNIST and its relatives: big-endian header 00 00 08 RANK, one 32-bit extent per axis,
// then bytes. Images have rank 3 (N, H, W), labels rank 1. The files may be gzipped.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "data/dataset.h"

namespace cf::data {

struct IdxFiles {
  std::string images, labels;
};

// The pair that begins with `prefix` (as DIR/train): prefix-images-idx3-ubyte[.gz] and
// prefix-labels-idx1-ubyte[.gz]. Nothing if there is no images file; a missing labels file is a Data error.
std::optional<IdxFiles> find_idx(const std::string& prefix);

// Class names: the lines of classes.txt beside the files; else the ten of Fashion-MNIST if "fashion" is part
// of the path; else the digits.
std::unique_ptr<Dataset> open_idx(const IdxFiles& files, int channels);

}  // namespace cf::data
