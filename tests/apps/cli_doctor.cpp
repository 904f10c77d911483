#include <gtest/gtest.h>

#include <algorithm>

#include "apps/command.h"
#include "apps/doctor/cuda_architecture.h"
#include "apps/doctor/gpu.h"
#include "apps/doctor/host.h"
#include "apps/doctor/libraries.h"

namespace cf::apps {
namespace {

using Status = Finding::Status;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr CudaBuild kCudaBuild{"13.0.88", "80-virtual;90a-real"};
constexpr CudaBuild kHostBuild{"", "80-virtual;90a-real"};

HostFacts healthy_host() {
  return {.processor = "A processor",
          .cores = 8,
          .memory_bytes = 16 * kGiB,
          .free_memory_bytes = 8 * kGiB,
          .free_disk_bytes = 100 * kGiB,
          .open_files = 4096,
          .has_fashion_mnist = true};
}

Finding finding_of(const std::vector<Finding>& findings, const std::string& subject) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& finding) { return finding.subject == subject; });
  EXPECT_NE(found, findings.end()) << subject;
  return found == findings.end() ? Finding{} : *found;
}

TEST(Doctor, HealthyHost) {
  for (const Finding& finding : judge_host(healthy_host())) {
    EXPECT_EQ(finding.status, Status::Good) << finding.subject;
    EXPECT_EQ(finding.advice, "") << finding.subject;
  }
}

TEST(Doctor, EveryLackHasItsAdvice) {
  HostFacts host = healthy_host();
  host.runs_build_architecture = false;
  host.free_memory_bytes = kGiB / 2;
  host.free_disk_bytes = 1000;
  host.open_files = 256;
  host.has_fashion_mnist = false;
  const auto findings = judge_host(host);
  EXPECT_EQ(finding_of(findings, "processor").status, Status::Fatal);
  EXPECT_EQ(finding_of(findings, "memory").status, Status::Problem);
  EXPECT_EQ(finding_of(findings, "disk").status, Status::Problem);
  EXPECT_EQ(finding_of(findings, "open files").status, Status::Problem);
  EXPECT_EQ(finding_of(findings, "Fashion-MNIST").status, Status::Note);
  for (const Finding& finding : findings) EXPECT_NE(finding.advice, "") << finding.subject;
}

TEST(Doctor, QuotaBelowTheCores) {
  HostFacts host = healthy_host();
  host.core_quota = 2.5;
  const Finding finding = finding_of(judge_host(host), "processor");
  EXPECT_EQ(finding.status, Status::Note);
  EXPECT_EQ(finding.value, "A processor, 8 cores, of which a quota allows 2.5");
}

TEST(Doctor, NoDriver) {
  EXPECT_EQ(finding_of(judge_gpus({}, kCudaBuild), "GPU driver").status, Status::Note);
  EXPECT_EQ(finding_of(judge_gpus({}, kHostBuild), "GPU driver").status, Status::Good);
}

TEST(Doctor, GpuThatWorks) {
  const GpuFacts facts{.has_driver = true,
                       .driver_version = "580.65.06",
                       .driver_cuda = 13000,
                       .gpus = {{.name = "H100", .major = 9, .minor = 0, .memory_bytes = 80 * kGiB}}};
  const auto findings = judge_gpus(facts, kCudaBuild);
  EXPECT_EQ(finding_of(findings, "GPU driver").value, "580.65.06, CUDA up to 13.0");
  EXPECT_EQ(finding_of(findings, "GPU 0").value,
            "H100, 80.0 GiB, compute capability 9.0, machine code for it in this build");
  for (const Finding& finding : findings) EXPECT_EQ(finding.status, Status::Good) << finding.subject;
  EXPECT_EQ(finding_of(judge_gpus(facts, kHostBuild), "GPU 0").status, Status::Note);
}

TEST(Doctor, GpuThatDoesNot) {
  GpuFacts facts{.has_driver = true, .driver_cuda = 12040, .gpus = {{.name = "old", .major = 7, .minor = 5}}};
  const auto findings = judge_gpus(facts, kCudaBuild);
  EXPECT_EQ(finding_of(findings, "GPU driver").status, Status::Problem);
  EXPECT_EQ(finding_of(findings, "GPU driver").advice,
            "this build needs CUDA 13.0.88: install a newer driver");
  EXPECT_EQ(finding_of(findings, "GPU 0").status, Status::Problem);
  facts = {.has_driver = true, .driver_cuda = 13000, .failure = "CUDA_ERROR_UNKNOWN"};
  EXPECT_EQ(finding_of(judge_gpus(facts, kCudaBuild), "GPU driver").status, Status::Problem);
  facts.failure = "";
  EXPECT_EQ(finding_of(judge_gpus(facts, kCudaBuild), "GPU").value, "none visible");
}

TEST(Doctor, GpuNewerThanTheBuild) {
  const GpuFacts facts{
      .has_driver = true, .driver_cuda = 13000, .gpus = {{.name = "new", .major = 12, .minor = 0}}};
  const Finding finding = finding_of(judge_gpus(facts, kCudaBuild), "GPU 0");
  EXPECT_EQ(finding.status, Status::Note);
  EXPECT_NE(finding.advice.find("120-real"), std::string::npos) << finding.advice;
}

TEST(Doctor, ArchitectureOfTheBuildAgainstTheGpu) {
  using enum ArchitectureMatch;
  struct {
    const char* architectures;
    int major, minor;
    ArchitectureMatch expected;
  } const table[] = {
      {"80-virtual;90a-real", 9, 0, MachineCode},
      {"80-virtual;90a-real", 10, 0, Portable},
      {"80-virtual;90a-real", 8, 0, Portable},
      {"80-virtual;90a-real", 8, 6, Portable},
      {"80-virtual;90a-real", 7, 5, None},
      {"90a-real", 9, 0, MachineCode},
      {"90a-real", 10, 0, None},
      {"90a-virtual", 10, 0, None},
      {"80-real", 8, 6, MachineCode},
      {"86-real", 8, 0, None},
      {"80-real", 9, 0, None},
      {"80", 8, 9, MachineCode},
      {"80", 12, 0, Portable},
      {"120-real", 12, 0, MachineCode},
      {"", 9, 0, None},
  };
  for (const auto& row : table) {
    EXPECT_EQ(match_of(row.architectures, row.major, row.minor), row.expected)
        << row.architectures << " on " << row.major << "." << row.minor;
  }
}

TEST(Doctor, VersionsOfTheLibraries) {
  EXPECT_EQ(cudnn_version_text(91400), "9.14.0");
  EXPECT_EQ(cudnn_version_text(8907), "8.9.7");
  EXPECT_EQ(nccl_version_text(22803), "2.28.3");
  EXPECT_EQ(nccl_version_text(2708), "2.7.8");
  EXPECT_EQ(cublaslt_version_text(130100), "13.1.0");
  EXPECT_EQ(cudnn_version_text(0), "");
  EXPECT_EQ(nccl_version_text(0), "");
  EXPECT_EQ(cublaslt_version_text(0), "");
}

TEST(Doctor, MissingLibrariesMatterWithAGpu) {
  const GpuFacts gpu{.has_driver = true, .gpus = {{.name = "H100", .major = 9}}};
  for (const Finding& finding : judge_libraries({}, gpu, kCudaBuild)) {
    EXPECT_EQ(finding.status, finding.subject == "cuBLASLt" ? Status::Problem : Status::Note)
        << finding.subject;
    EXPECT_NE(finding.advice, "") << finding.subject;
  }
  for (const auto& findings : {judge_libraries({}, {}, kCudaBuild), judge_libraries({}, gpu, kHostBuild),
                               judge_libraries({"13.1.0", "9.14.0", "2.28.3"}, gpu, kCudaBuild)}) {
    for (const Finding& finding : findings) {
      EXPECT_EQ(finding.status, Status::Good) << finding.subject;
      EXPECT_EQ(finding.advice, "") << finding.subject;
    }
  }
}

TEST(Doctor, ExaminesThisMachine) {
  const HostFacts host = examine_host();
  EXPECT_GE(host.cores, 1);
  EXPECT_GT(host.memory_bytes, 0);
  EXPECT_GT(host.open_files, 0);
  EXPECT_TRUE(host.runs_build_architecture) << "this test runs";
  EXPECT_EQ(run_program({"doctor"}), 0);
  EXPECT_EQ(run_program({"doctor", "--json"}), 0);
}

}  // namespace
}  // namespace cf::apps
