// Opening data for a command: with a progress line where that takes long.
#pragma once

#include <cstdio>
#include <memory>

#include "data/dataset.h"

namespace cf::apps {

// data::open_dataset(); goes through the headers of a tar archive with a bar on `stream`, or lines where that
// is no terminal. No stream: says nothing.
std::unique_ptr<data::Dataset> open_data(data::DatasetSource source, data::Split split,
                                         std::FILE* stream = stderr);

}  // namespace cf::apps
