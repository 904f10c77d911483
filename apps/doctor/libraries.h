// NVIDIA's libraries beside the driver, as found by opening them: versions, and what is missing for what.
#pragma once

#include <string>
#include <vector>

#include "apps/doctor/finding.h"
#include "apps/doctor/gpu.h"

namespace cf::apps {

// Versions such as "9.14.0"; empty where the library is not found.
struct LibraryFacts {
  std::string cublaslt, cudnn, nccl;
};

LibraryFacts examine_libraries();

std::vector<Finding> judge_libraries(const LibraryFacts& facts, const GpuFacts& gpus, const CudaBuild& build);

// How the libraries number their versions: 91400 of cuDNN 9 and 8907 of cuDNN 8, 22803 of NCCL 2.28 and 2708
// of 2.7, 130100 of cuBLASLt.
std::string cudnn_version_text(long long number);
std::string nccl_version_text(int number);
std::string cublaslt_version_text(long long number);

}  // namespace cf::apps
