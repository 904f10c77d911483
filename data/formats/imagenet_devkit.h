// ImageNet's development kit, ILSVRC2012_devkit_t12.tar.gz: the classes of the 50,000 validation images.
#pragma once

#include <string>

#include "data/formats/image_labels.h"

namespace cf::data {

// Whether a file is a tar archive or gzip, as the kit is and a table of labels is not.
bool is_imagenet_devkit(const std::string& path);

// Line i of data/ILSVRC2012_validation_ground_truth.txt is the class of ILSVRC2012_val_%08i. It is an
// ILSVRC2012_ID: a count of data/meta.mat, which is not the alphabetical order of the WordNet ids. Classes
// are those ids of the synsets without children, ILSVRC2012_ID up to 1,000.
ImageLabels read_imagenet_devkit(const std::string& path);

}  // namespace cf::data
