// Loaders of drawn images, and the batches they give.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/loader.h"

namespace cf::data {

inline LoaderOptions training(int batch, int threads) {
  LoaderOptions options;
  options.batch = batch;
  options.height = options.width = 24;
  options.threads = threads;
  options.seed = 7;
  options.shuffle = Shuffle::Full;
  options.augment = options.drop_last = true;
  return options;
}

inline LoaderOptions evaluation(int batch, int threads) {
  LoaderOptions options;
  options.batch = batch;
  options.height = options.width = 20;
  options.threads = threads;
  options.crop = 0.875f;
  return options;
}

inline bool equal(const Batch& a, const Batch& b) {
  return a.images == b.images && a.labels == b.labels && a.samples == b.samples && a.epoch == b.epoch &&
         a.index == b.index && a.height == b.height && a.width == b.width && a.channels == b.channels;
}

inline std::vector<Batch> take(const Dataset& dataset, const LoaderOptions& options, int count) {
  Loader loader(dataset, options);
  std::vector<Batch> batches;
  for (int i = 0; i < count; ++i) batches.push_back(loader.next());
  return batches;
}

inline std::unique_ptr<Dataset> synthetic(const std::string& options = "samples=50,size=32") {
  return open_dataset("synthetic:" + options, Split::Train);
}

}  // namespace cf::data
