#include "tests/end_to_end/run_state.h"

#include <gtest/gtest.h>

#include <cstring>

#include "apps/run_folder/metrics_log.h"
#include "framework/state/atomic_file.h"
#include "framework/state/checkpoint_folder.h"
#include "framework/state/safetensors_file.h"
#include "tests/file_bytes.h"

namespace cf {
namespace fs = std::filesystem;
namespace {

// The rows as they are written, without what differs between two runs of the same steps.
std::vector<std::string> timeless_rows(const fs::path& run) {
  std::vector<std::string> lines;
  for (auto row : apps::read_metrics(run / "metrics.jsonl")) {
    std::visit([](auto& r) { r.seconds = 0; }, row);
    if (auto* train = std::get_if<apps::TrainRow>(&row)) {
      train->img_per_s = train->img_per_s_per_rank = train->data_wait = train->memory_bytes = 0;
      train->data_wait_rank = 0;
      train->communication = 0;
      train->slowest_rank.reset();
      train->slowest_cause.clear();
    }
    lines.push_back(to_json_line(row));
  }
  return lines;
}

Metadata timeless_metadata(const fs::path& checkpoint) {
  Metadata metadata = SafetensorsReader(checkpoint).metadata();
  for (const char* key : {"seconds", "interval_seconds", "config"}) metadata.erase(key);
  metadata.erase("gemm_algorithms");  // cuBLASLt describes one and the same algorithm by words that vary
  return metadata;
}

}  // namespace

std::map<std::string, std::string> tensors_of(const fs::path& checkpoint) {
  const SafetensorsReader file(checkpoint);
  file.verify();
  std::map<std::string, std::string> tensors;
  for (const auto& entry : file.entries()) {
    std::string bytes(static_cast<std::size_t>(byte_count(entry)), '\0');
    file.read(entry.name, std::as_writable_bytes(std::span(bytes)));
    tensors.emplace(entry.name, std::move(bytes));
  }
  return tensors;
}

void expect_same_run(const fs::path& run, const fs::path& expected) {
  const auto actual_tensors = tensors_of(run / "checkpoints/last");
  const auto expected_tensors = tensors_of(expected / "checkpoints/last");
  EXPECT_EQ(actual_tensors.size(), expected_tensors.size());
  for (const auto& [name, bytes] : expected_tensors) {
    const auto found = actual_tensors.find(name);
    ASSERT_NE(found, actual_tensors.end()) << name;
    EXPECT_TRUE(found->second == bytes) << name << " differs";
  }
  EXPECT_EQ(timeless_metadata(run / "checkpoints/last"), timeless_metadata(expected / "checkpoints/last"));
  const auto expected_rows = timeless_rows(expected);
  EXPECT_FALSE(expected_rows.empty());
  EXPECT_EQ(timeless_rows(run), expected_rows);
}

std::vector<float> floats_of(const std::string& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

FolderContents contents_of(const fs::path& folder) {
  FolderContents contents;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder).native();
    if (name == ".lock" || is_temporary(entry.path())) continue;
    if (entry.is_symlink()) {
      contents[name] = "-> " + fs::read_symlink(entry.path()).native();
    } else if (entry.is_regular_file()) {
      contents[name] = read_bytes(entry.path());
    } else {
      contents[name] = "folder";
    }
  }
  return contents;
}

void expect_same_contents(const FolderContents& actual, const FolderContents& expected) {
  for (const auto& [name, contents] : expected) {
    const auto found = actual.find(name);
    if (found == actual.end()) {
      ADD_FAILURE() << name << " has gone";
    } else {
      EXPECT_TRUE(found->second == contents) << name << " has changed";
    }
  }
  for (const auto& [name, contents] : actual) EXPECT_TRUE(expected.contains(name)) << name << " is new";
}

std::vector<fs::path> checkpoints_of(const fs::path& run) {
  std::vector<fs::path> paths;
  for (const auto& file : list_checkpoints(run / "checkpoints")) paths.push_back(file.path);
  return paths;
}

std::string log_of(const fs::path& run) { return read_bytes(run / "log.txt"); }

}  // namespace cf
