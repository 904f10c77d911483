// What the configuration says about images: what training, evaluation and prediction see. One place for all
// three.
#pragma once

#include <cstdint>

#include "apps/config/config.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "framework/ops/normalize_image.h"

namespace cf::apps {

// Shuffled and augmented, of the size and the batch that train.* gives for the epoch; from its first batch
// on. Corrupt images that are replaced are told on stderr.
data::LoaderOptions training_loader_options(const Config& config, std::int64_t epoch, int threads);

// What is said of a corrupt image that was replaced, the `count`-th.
std::string substitution_text(const data::BadRecord& record, std::int64_t count);

// In the stored order, every image once, as [eval] and data.fit say.
data::LoaderOptions evaluation_loader_options(const Config& config, int threads);

// How one image is fitted into a square of `size` pixels for evaluation and prediction.
data::EvaluationGeometry evaluation_geometry(const Config& config, int size);

Normalization normalization_of(const Config& config);

// "train" or "val"; anything else is a Usage error.
data::Split split_from(const std::string& text);

// Loader threads of a process beside a computation. data.threads "auto" is a quarter of its share of the
// cores where the CPU computes, all but one of its share beside a GPU, and at least one.
int loader_threads(const ThreadCount& configured, PlaceKind computes_at, int ranks_on_host = 1);

// What loader threads "auto" means where nothing else computes: every core that affinity and quota leave.
int all_cores();

}  // namespace cf::apps
