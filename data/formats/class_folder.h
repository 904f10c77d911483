// Class folders: PATH/<class>/... with image files at any depth. Classes are the folders' names,
// sorted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace cf::data {

// `class_names`: the classes to use (a folder of another name is an error); empty: the folders found.
// `channels`: 1 or 3. A folder of images without class folders, or a class without images, is a Data error.
std::unique_ptr<Dataset> open_class_folder(const std::string& path, std::vector<std::string> class_names,
                                           int channels);

// A folder of images without class folders, with labels from a file (formats/image_labels.h).
std::unique_ptr<Dataset> open_labelled_folder(const std::string& path, const std::string& labels_path,
                                              int channels);

// The names of the folders directly below PATH, sorted; hidden ones left out.
std::vector<std::string> subfolders(const std::string& path);

}  // namespace cf::data
