// What the configuration says to the loader: the images that training and evaluation see.
#pragma once

#include <cstdint>

#include "apps/config/config.h"
#include "data/dataset.h"
#include "data/loader.h"

namespace cf::apps {

// Shuffled and augmented, of the size and the batch that train.* gives for the epoch; from its first batch
// on.
data::LoaderOptions training_loader_options(const Config& config, std::int64_t epoch, int threads);

// In the stored order, every image once, as [eval] and data.fit say.
data::LoaderOptions evaluation_loader_options(const Config& config, int threads);

// "train" or "val"; anything else is a Usage error.
data::Split split_from(const std::string& text);

// What loader threads "auto" means where nothing else computes: every core.
int all_cores();

}  // namespace cf::apps
