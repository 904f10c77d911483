// A data set inside a tar archive that is not unpacked: class folders, or ImageNet's official archives.
#pragma once

#include <memory>

#include "data/dataset.h"

namespace cf::data {

// What the archive holds decides:
//   archives (ILSVRC2012_img_train.tar): each is a class, named as its archive without .tar
//   images in folders: the class is the first folder in which the paths differ; folders train/ and val/ are
//     splits
//   images without folders (ILSVRC2012_img_val.tar): source.labels says the classes, see image_labels.h
// Classes are sorted by name. Opening reads every member's header, not the contents.
std::unique_ptr<Dataset> open_archive(const DatasetSource& source, Split split);

}  // namespace cf::data
