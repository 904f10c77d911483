// What a run left on disk, to be compared with what another one left.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "apps/run_folder/metrics.h"

namespace cf {

// Bytes of every tensor by name, after the checksums were verified.
std::map<std::string, std::string> tensors_of(const std::filesystem::path& checkpoint);

// The values of a float32 tensor.
std::vector<float> floats_of(const std::string& bytes);

// Expects the last checkpoints of two runs to hold equal bits (model, averages, optimizer) and equal
// progress, times aside, and their rows of metrics to be equal, times and memory aside.
void expect_same_run(const std::filesystem::path& run, const std::filesystem::path& expected);

// The contents of every file and the target of every link below a folder, by relative path.
using FolderContents = std::map<std::string, std::string>;

// Leaves out the lock, which every process signs, and temporary files, which every start removes.
FolderContents contents_of(const std::filesystem::path& folder);

void expect_same_contents(const FolderContents& actual, const FolderContents& expected);

// Files RUN/checkpoints/step_*, by rising step.
std::vector<std::filesystem::path> checkpoints_of(const std::filesystem::path& run);

// RUN/log.txt.
std::string log_of(const std::filesystem::path& run);

}  // namespace cf
