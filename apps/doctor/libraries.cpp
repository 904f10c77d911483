#include "apps/doctor/libraries.h"

#include <fmt/core.h>

#include <cstddef>
#include <initializer_list>

#include "apps/doctor/shared_library.h"

namespace cf::apps {

namespace {

using Status = Finding::Status;

using GetSizeVersion = std::size_t();  // cudnnGetVersion, cublasLtGetVersion
using GetNcclVersion = int(int*);      // ncclGetVersion; 0 is success

// The number that `function` of the first library found gives; 0: none.
long long size_version(std::initializer_list<const char*> names, const char* function) {
  for (const char* name : names) {
    const SharedLibrary library(name);
    if (const auto get = library.find<GetSizeVersion>(function)) return static_cast<long long>(get());
  }
  return 0;
}

int nccl_version() {
  const SharedLibrary library("libnccl.so.2");
  const auto get = library.find<GetNcclVersion>("ncclGetVersion");
  int number = 0;
  return get && get(&number) == 0 ? number : 0;
}

// A library that is missing matters only where a GPU could use it.
Finding judge_library(const char* name, const std::string& version, bool matters, Status missing,
                      const char* advice) {
  if (!version.empty()) return {name, Status::Good, version, ""};
  if (!matters) return {name, Status::Good, "none", ""};
  return {name, missing, "not found", advice};
}

}  // namespace

std::string cudnn_version_text(long long number) {
  if (number <= 0) return "";
  const long long unit = number >= 90000 ? 10000 : 1000;  // of the major version
  return fmt::format("{}.{}.{}", number / unit, number % unit / 100, number % 100);
}

std::string nccl_version_text(int number) {
  if (number <= 0) return "";
  const int unit =
      number >= 10000 ? 10000 : 1000;  // of the major version; 2.9 and newer have four digits more
  return fmt::format("{}.{}.{}", number / unit, number % unit / 100, number % 100);
}

std::string cublaslt_version_text(long long number) {
  if (number <= 0) return "";
  return fmt::format("{}.{}.{}", number / 10000, number % 10000 / 100, number % 100);
}

LibraryFacts examine_libraries() {
  return {.cublaslt = cublaslt_version_text(
              size_version({"libcublasLt.so.13", "libcublasLt.so.12"}, "cublasLtGetVersion")),
          .cudnn = cudnn_version_text(size_version({"libcudnn.so.9", "libcudnn.so.8"}, "cudnnGetVersion")),
          .nccl = nccl_version_text(nccl_version())};
}

std::vector<Finding> judge_libraries(const LibraryFacts& facts, const GpuFacts& gpus,
                                     const CudaBuild& build) {
  const bool matters = !gpus.gpus.empty() && !build.toolkit.empty();
  return {
      judge_library("cuBLASLt", facts.cublaslt, matters, Status::Problem,
                    "matrix products on the GPU need it: install the CUDA runtime libraries, or put their "
                    "folder into LD_LIBRARY_PATH"),
      judge_library("cuDNN", facts.cudnn, matters, Status::Note,
                    "nothing in this build calls it; for a version that does, install libcudnn9, or put "
                    "its folder into LD_LIBRARY_PATH"),
      judge_library("NCCL", facts.nccl, matters, Status::Note,
                    "one GPU needs none; for several, install libnccl2, or put its folder into "
                    "LD_LIBRARY_PATH")};
}

}  // namespace cf::apps
