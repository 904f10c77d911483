// How good a network is on a data set: every image counted once.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "apps/config/config.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "framework/ops/normalize_image.h"
#include "framework/runtime/executor.h"
#include "layers/convfirst_net.h"

namespace cf::apps {

struct EvaluationOptions {
  int batch = 128;
  int size = 224;  // side of the image the network sees, in pixels
  int loader_threads = 1;
};

struct EvaluationResult {
  std::int64_t images = 0;
  std::int64_t correct1 = 0, correct5 = 0;
  double loss = 0;                                   // mean cross entropy without smoothing
  std::vector<std::vector<std::int64_t>> confusion;  // [true class][predicted class]

  double top1() const { return static_cast<double>(correct1) / static_cast<double>(images); }
  double top5() const { return static_cast<double>(correct5) / static_cast<double>(images); }
};

// Evaluates with the running statistics. `config` says how images are fitted, resized, cropped and
// normalised. A NaN in the logits is a Numeric error. progress, where given, is called with the images done
// so far.
EvaluationResult evaluate(Executor& executor, layers::ConvFirstNet& net, const data::Dataset& dataset,
                          const Config& config, const EvaluationOptions& options,
                          const std::function<void(std::int64_t)>& progress = {});

// Pieces that training, evaluation and prediction share.
Normalization normalization_of(const Config& config);
data::EvaluationGeometry evaluation_geometry(const Config& config, int size, int channels);
// Loader threads for "auto": a quarter of the cores, at least one; the rest computes.
int loader_threads(const ThreadCount& configured);

}  // namespace cf::apps
