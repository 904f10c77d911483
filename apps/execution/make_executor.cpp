#include "apps/execution/make_executor.h"

#include "apps/host/cores.h"

namespace cf::apps {

DType gpu_compute_type(const std::string& precision) {
  if (precision == "float32") return DType::Float32;
  if (precision == "fp16") return DType::Float16;
  CF_CHECK_AS(ErrorKind::Usage, precision == "bf16" || precision == "auto", "precision.compute is '",
              precision, "', must be auto, float32, bf16 or fp16");
  return DType::BFloat16;
}

void add_device_options(CommandLine& line, DeviceOptions& options) {
  line.option("device", &options.device, "auto|cpu|cuda", "where to compute; auto: a GPU if there is one");
  line.option("threads", &options.threads, "N", "threads that compute on a CPU; 0: one per core");
}

std::optional<int> gpu_index(const DeviceOptions& options) {
  const std::string& device = options.device;
  CF_CHECK_AS(ErrorKind::Usage, device == "auto" || device == "cpu" || device == "cuda", "--device is '",
              device, "', must be auto, cpu or cuda");
  const GpuCount gpus = device == "cpu" ? GpuCount{} : count_gpus();
  CF_CHECK_AS(ErrorKind::Device, device != "cuda" || gpus.count > 0,
              "--device cuda: no GPU to use: ", gpus.why_none,
              "; `convfirst doctor` says more, --device cpu needs none");
  if (gpus.count == 0) return std::nullopt;
  return options.local_rank % gpus.count;
}

std::unique_ptr<Executor> make_executor(const DeviceOptions& options, const PrecisionConfig& precision) {
  CF_CHECK_AS(ErrorKind::Usage, options.threads >= 0 && options.threads <= 1024, "--threads is ",
              options.threads, ", must be from 0 to 1024");
  if (const auto gpu = gpu_index(options)) {
    return Executor::cuda(*gpu, gpu_compute_type(precision.compute), precision.tf32);
  }
  CF_CHECK_AS(ErrorKind::Usage, precision.compute == "auto" || precision.compute == "float32",
              "precision.compute is '", precision.compute,
              "', a CPU computes in float32; use auto or float32");
  return Executor::cpu(options.threads > 0 ? options.threads : usable_cores());
}

}  // namespace cf::apps
