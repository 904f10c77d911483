// Miniatures of ImageNet's official files, with their 1,000 classes: an archive of class archives for
// training, a flat archive for validation, the development kit with meta.mat, and Kaggle's table.
#pragma once

#include <string>
#include <vector>

#include "tests/data/tar_writer.h"

namespace cf::data {

struct ImageNetMiniature {
  int train_per_class = 1;
  int val_images = 1000;
  int side = 40;  // of the images, about
};

// The class, position among the sorted ids, of validation image `image` (counted from 1).
int miniature_val_class(int image);

// ILSVRC2012_ID of a class; as in the real kit, not the order of the ids.
int miniature_imagenet_number(int label);

// ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar, ILSVRC2012_devkit_t12.tar.gz and LOC_val_solution.csv.
void write_imagenet_miniature(const std::string& folder, const ImageNetMiniature& size);

// meta.mat: a struct array `synsets` of the 1,000 classes and some inner synsets behind another variable.
std::vector<std::uint8_t> miniature_meta_mat(bool compressed = true);

std::vector<std::uint8_t> gzip(const std::vector<std::uint8_t>& bytes);

// The kit itself, from its two files.
std::vector<std::uint8_t> devkit_tar(const std::vector<std::uint8_t>& meta, const std::string& ground_truth);

}  // namespace cf::data
