// How good a network is on a data set: every image counted once.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "apps/config/config.h"
#include "apps/inference/measured_routes.h"
#include "data/dataset.h"
#include "framework/parallel/communicator.h"
#include "framework/runtime/executor.h"
#include "layers/convfirst_net.h"

namespace cf::apps {

struct EvaluationResult {
  std::int64_t images = 0;
  std::int64_t correct1 = 0, correct5 = 0;
  std::size_t fused_blocks = 0;  // residual blocks computed by one fused kernel or two; 0 without a plan
  double loss = 0;               // mean cross entropy without smoothing
  std::vector<std::vector<std::int64_t>> confusion;  // [true class][predicted class]

  double top1() const { return static_cast<double>(correct1) / static_cast<double>(images); }
  double top5() const { return static_cast<double>(correct5) / static_cast<double>(images); }
};

// Evaluates with the running statistics, as model.fusion says. `config` says how images are fitted, resized,
// cropped and normalised. A NaN in the logits is a Numeric error. progress, where given, is called with the
// images done so far. Each rank evaluates its share, and all get the result of the whole data set.
EvaluationResult evaluate(Executor& executor, layers::ConvFirstNet& net, const data::Dataset& dataset,
                          const Config& config, const std::function<void(std::int64_t)>& progress = {},
                          Communicator& ranks = single_rank(), RouteChoice routes = RouteChoice::Table);

}  // namespace cf::apps
