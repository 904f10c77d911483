// From what the user asked for (--device, --threads, precision.compute) to the place where the program
// computes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "apps/command_line.h"
#include "apps/config/config.h"
#include "framework/runtime/executor.h"

namespace cf::apps {

struct DeviceOptions {
  std::string device = "auto";  // auto | cpu | cuda
  int threads = 0;              // that compute on a CPU; 0: one per core
  int local_rank = 0;           // of this process among those of its host: each takes the next GPU
};

void add_device_options(CommandLine& line, DeviceOptions& options);

// The number of the GPU to compute on, among those CUDA_VISIBLE_DEVICES shows to this process; null for the
// CPU. Where each process sees one GPU only, that is its own. A GPU that is asked for and not there is a
// Device error.
std::optional<int> gpu_index(const DeviceOptions& options);

// What a GPU computes in with precision.compute = "auto", "float32", "bf16" or "fp16"; any other word is a
// Usage error.
DType gpu_compute_type(const std::string& precision);

// Errors as above; a precision that the place does not compute in is a Usage error.
std::unique_ptr<Executor> make_executor(const DeviceOptions& options, const PrecisionConfig& precision);

}  // namespace cf::apps
