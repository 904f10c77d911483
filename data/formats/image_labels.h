// Labels of images that lie in no class folders: ImageNet's validation set.
#pragma once

#include <map>
#include <string>

namespace cf::data {

// File name without folder and ending -> class name, from a table with one image a line, as Kaggle's
// LOC_val_solution.csv: NAME,CLASS with anything behind the class after a space. A first line "ImageId,..."
// is skipped. A malformed line or a name given twice is a Data error with file and line.
std::map<std::string, std::string> read_image_labels(const std::string& path);

}  // namespace cf::data
