// Labels of images that lie in no class folders: ImageNet's validation set.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cf::data {

struct ImageLabels {
  std::map<std::string, std::string> class_of;  // file name without folder and ending -> class
  std::vector<std::string> classes;             // all that the file knows, sorted
};

// Reads them from
//   a table with one image a line, as Kaggle's LOC_val_solution.csv: NAME,CLASS with anything behind the
//   class
//     after a space; a first line "ImageId,..." is skipped;
//   ImageNet's development kit, ILSVRC2012_devkit_t12.tar.gz (formats/imagenet_devkit.h).
// A malformed line or a name given twice is a Data error with file and line.
ImageLabels read_image_labels(const std::string& path);

// What to give where labels are missing: the end of a message.
std::string_view wanted_labels();

}  // namespace cf::data
