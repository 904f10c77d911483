#include "apps/doctor/gpu.h"

#include <fmt/core.h>

#include <charconv>

#include "apps/console/format.h"
#include "apps/doctor/cuda_architecture.h"
#include "apps/doctor/shared_library.h"

namespace cf::apps {
namespace {

using Status = Finding::Status;

// Signatures of the CUDA driver API; a CUresult and a CUdevice are ints, 0 is success.
using Init = int(unsigned);
using GetVersion = int(int*);
using GetCount = int(int*);
using GetDevice = int(int*, int);
using GetName = int(char*, int, int);
using GetAttribute = int(int*, int, int);
using GetMemory = int(std::size_t*, int);
using GetErrorName = int(int, const char**);
constexpr int kAttributeMajor = 75, kAttributeMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
constexpr int kAttributeL2 = 38;                           // CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, in bytes

std::string error_name(const SharedLibrary& driver, int error) {
  const char* name = nullptr;
  const auto get_name = driver.find<GetErrorName>("cuGetErrorName");
  if (get_name && get_name(error, &name) == 0 && name) return name;
  return fmt::format("error {}", error);
}

GpuFacts::Gpu examine_gpu(const SharedLibrary& driver, int index) {
  GpuFacts::Gpu gpu{"unknown GPU"};
  const auto get_device = driver.find<GetDevice>("cuDeviceGet");
  const auto get_name = driver.find<GetName>("cuDeviceGetName");
  const auto get_attribute = driver.find<GetAttribute>("cuDeviceGetAttribute");
  const auto get_memory = driver.find<GetMemory>("cuDeviceTotalMem_v2");
  int device = 0;
  if (!get_device || get_device(&device, index) != 0) return gpu;
  char name[256] = {};
  if (get_name && get_name(name, sizeof name - 1, device) == 0) gpu.name = name;
  if (get_attribute) {
    get_attribute(&gpu.major, kAttributeMajor, device);
    get_attribute(&gpu.minor, kAttributeMinor, device);
    int cache = 0;
    if (get_attribute(&cache, kAttributeL2, device) == 0) gpu.l2_bytes = cache;
  }
  std::size_t bytes = 0;
  if (get_memory && get_memory(&bytes, device) == 0) gpu.memory_bytes = static_cast<std::int64_t>(bytes);
  return gpu;
}

// From the management library, which knows the driver's own number.
std::string driver_version() {
  const SharedLibrary management("libnvidia-ml.so.1");
  const auto init = management.find<int()>("nvmlInit_v2");
  const auto get_version = management.find<int(char*, unsigned)>("nvmlSystemGetDriverVersion");
  const auto shutdown = management.find<int()>("nvmlShutdown");
  if (!init || !get_version || !shutdown || init() != 0) return "";
  char version[96] = {};
  const bool known = get_version(version, sizeof version - 1) == 0;
  shutdown();
  return known ? version : "";
}

// 13000 of "13.0.88", as the driver counts.
int cuda_number(std::string_view version) {
  int major = 0, minor = 0;
  const char* end = version.data() + version.size();
  const auto [dot, error] = std::from_chars(version.data(), end, major);
  if (error == std::errc{} && dot != end) std::from_chars(dot + 1, end, minor);
  return major * 1000 + minor * 10;
}

Finding judge_driver(const GpuFacts& facts, const CudaBuild& build) {
  Finding finding{"GPU driver", Status::Good, "", ""};
  if (!facts.has_driver) {
    finding.value = "none";
    finding.status = build.toolkit.empty() ? Status::Good : Status::Note;
    if (!build.toolkit.empty())
      finding.advice = "everything runs on the processor; with a GPU, install its driver";
    return finding;
  }
  finding.value =
      fmt::format("{}{}CUDA up to {}.{}", facts.driver_version, facts.driver_version.empty() ? "" : ", ",
                  facts.driver_cuda / 1000, facts.driver_cuda % 1000 / 10);
  if (!facts.failure.empty()) {
    finding.status = Status::Problem;
    finding.value += ", fails with " + facts.failure;
    finding.advice =
        "see `nvidia-smi` and the kernel's log; after an update of the driver, restart the machine";
  } else if (cuda_number(build.toolkit) / 1000 > facts.driver_cuda / 1000) {
    finding.status = Status::Problem;
    finding.advice = fmt::format("this build needs CUDA {}: install a newer driver", build.toolkit);
  }
  return finding;
}

Finding judge_gpu(const GpuFacts::Gpu& gpu, std::size_t index, const CudaBuild& build) {
  Finding finding{fmt::format("GPU {}", index), Status::Good,
                  fmt::format("{}, {}, compute capability {}.{}", gpu.name,
                              format_bytes(static_cast<double>(gpu.memory_bytes)), gpu.major, gpu.minor),
                  ""};
  if (build.toolkit.empty()) {
    finding.status = Status::Note;
    finding.advice = "this build has no CUDA code: install the CUDA Toolkit (nvcc) and configure again";
    return finding;
  }
  switch (match_of(build.architectures, gpu.major, gpu.minor)) {
    case ArchitectureMatch::MachineCode:
      finding.value += ", machine code for it in this build";
      break;
    case ArchitectureMatch::Portable:
      finding.status = Status::Note;
      finding.value += ", portable code for it in this build";
      finding.advice = fmt::format(
          "the driver compiles for it at the first start; for code of its own configure with "
          "-DCF_CUDA_ARCHITECTURES={}{}-real",
          gpu.major, gpu.minor);
      break;
    case ArchitectureMatch::None:
      finding.status = Status::Problem;
      finding.advice = fmt::format(
          "this build has code for {} only: configure with -DCF_CUDA_ARCHITECTURES={}{}-real, which needs "
          "8.0 or newer; --device cpu leaves the GPU alone",
          build.architectures, gpu.major, gpu.minor);
      break;
  }
  return finding;
}

}  // namespace

GpuFacts examine_gpus() {
  GpuFacts facts;
  const SharedLibrary driver("libcuda.so.1");
  facts.has_driver = static_cast<bool>(driver);
  if (!facts.has_driver) return facts;
  facts.driver_version = driver_version();
  const auto init = driver.find<Init>("cuInit");
  const auto get_version = driver.find<GetVersion>("cuDriverGetVersion");
  const auto get_count = driver.find<GetCount>("cuDeviceGetCount");
  if (!init || !get_version || !get_count) {
    facts.failure = "a library without the driver's functions";
    return facts;
  }
  get_version(&facts.driver_cuda);
  constexpr int kNoDevice = 100;  // CUDA_ERROR_NO_DEVICE
  int count = 0;
  int error = init(0);
  if (error == 0) error = get_count(&count);
  if (error != 0 && error != kNoDevice) facts.failure = error_name(driver, error);
  for (int index = 0; index < count; ++index) facts.gpus.push_back(examine_gpu(driver, index));
  return facts;
}

std::vector<Finding> judge_gpus(const GpuFacts& facts, const CudaBuild& build) {
  std::vector<Finding> findings;
  findings.push_back({"CUDA code", Status::Good,
                      build.toolkit.empty() ? "not in this build"
                                            : fmt::format("in this build, Toolkit {}, for {}", build.toolkit,
                                                          build.architectures),
                      ""});
  findings.push_back(judge_driver(facts, build));
  for (std::size_t i = 0; i < facts.gpus.size(); ++i) findings.push_back(judge_gpu(facts.gpus[i], i, build));
  if (facts.gpus.empty() && facts.has_driver && facts.failure.empty()) {
    findings.push_back({"GPU", Status::Note, "none visible",
                        "a driver is there: see CUDA_VISIBLE_DEVICES and the "
                        "devices given to the container"});
  }
  return findings;
}

}  // namespace cf::apps
