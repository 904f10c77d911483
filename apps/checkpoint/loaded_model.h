// A network with the weights of a checkpoint, ready to evaluate.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "apps/checkpoint/checkpoint.h"
#include "apps/execution/make_executor.h"
#include "layers/convfirst_net.h"

namespace cf::apps {

struct LoadedModel {
  std::filesystem::path path;
  CheckpointHeader header;
  Weights weights;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<layers::ConvFirstNet> net;
  std::unique_ptr<ParameterStore> store;
};

// `which`: raw, ema, or auto for the averages where the file has them. `path` may be a run folder: its best
// checkpoint, or its last where none was evaluated. `fusion` replaces the checkpoint's model.fusion unless it
// is empty.
LoadedModel load_model_for_evaluation(const std::filesystem::path& path, const std::string& which,
                                      const DeviceOptions& device, const std::string& fusion = {});

// The file that `path` means: itself, or the best checkpoint of a run folder.
std::filesystem::path checkpoint_file(const std::filesystem::path& path);

}  // namespace cf::apps
