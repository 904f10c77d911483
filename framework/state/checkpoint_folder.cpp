#include "framework/state/checkpoint_folder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string_view>
#include <system_error>

namespace cf {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "step_", kSuffix = ".safetensors";
constexpr std::size_t kStepDigits = 9;

std::string name_of_step(std::int64_t step) {
  auto digits = concat(step);
  if (digits.size() < kStepDigits) digits.insert(0, kStepDigits - digits.size(), '0');
  return concat(kPrefix, digits, kSuffix);
}

std::optional<std::int64_t> step_of(const fs::path& path) {
  const std::string name = path.filename().native();
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  std::int64_t step = 0;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
  if (step < 0 || name_of_step(step) != name) return std::nullopt;
  return step;
}

std::optional<double> find_score(const Metadata& metadata, std::string_view key) {
  if (!metadata.contains(key)) return std::nullopt;
  return get_double(metadata, key);
}

CheckpointFile inspect(std::int64_t step, const fs::path& path) {
  CheckpointFile file{step, path, false, {}};
  try {
    const SafetensorsReader reader(path);
    file.scores = {find_score(reader.metadata(), "score"), find_score(reader.metadata(), "ema_score")};
    file.readable = true;
  } catch (const Error&) {
    file.scores = {};  // the message is newest_good's to give
  }
  return file;
}

// Every entry of a folder, or an Error.
std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(*at);
  }
  CF_CHECK_AS(ErrorKind::Checkpoint, !error, "cannot list ", folder.native(), ": ", error.message());
  return entries;
}

std::vector<std::pair<std::int64_t, fs::path>> steps_of(const fs::path& folder) {
  std::vector<std::pair<std::int64_t, fs::path>> steps;
  std::error_code absent;
  if (!fs::exists(folder, absent)) return steps;
  for (const auto& entry : entries_of(folder)) {
    std::error_code gone;
    const auto step = step_of(entry.path());
    if (step && !entry.is_symlink(gone) && entry.is_regular_file(gone))
      steps.emplace_back(*step, entry.path());
  }
  std::ranges::sort(steps);
  return steps;
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  CF_CHECK_AS(ErrorKind::Checkpoint, !error, "cannot delete ", path.native(), ": ", error.message());
}

void set_link(const fs::path& link, const CheckpointFile* target) {
  std::error_code absent;
  if (target != nullptr) {
    if (fs::read_symlink(link, absent) != target->path.filename())
      replace_link(link, target->path.filename());
  } else if (fs::is_symlink(link, absent)) {
    remove_file(link);
  }
}

// The file with the highest score, the earliest of equals; null if none has one.
template <class Score>
const CheckpointFile* best_by(const std::vector<CheckpointFile>& files, Score&& score) {
  const CheckpointFile* best = nullptr;
  for (const auto& file : files) {
    if (score(file) && (best == nullptr || *score(file) > *score(*best))) best = &file;
  }
  return best;
}

std::optional<double> higher_score(const CheckpointScores& scores) {
  if (scores.raw && scores.ema) return std::max(*scores.raw, *scores.ema);
  return scores.raw ? scores.raw : scores.ema;
}

std::vector<CheckpointFile> readable_checkpoints(const fs::path& folder) {
  auto files = list_checkpoints(folder);
  std::erase_if(files, [](const CheckpointFile& file) { return !file.readable; });
  return files;
}

}  // namespace

CheckpointFolder::CheckpointFolder(const RunLock& run, Retention retention, SyncPolicy sync)
    : folder_(run.run_folder() / "checkpoints"), retention_(retention), sync_(sync) {
  CF_CHECK_AS(ErrorKind::Usage, retention.keep_last >= 1, "keep_last is ", retention.keep_last,
              ", must be at least 1");
  CF_CHECK_AS(ErrorKind::Usage, retention.keep_best >= 0, "keep_best is ", retention.keep_best,
              ", must be at least 0");
  std::error_code error;
  fs::create_directories(folder_, error);
  CF_CHECK_AS(ErrorKind::Checkpoint, !error, "cannot make ", folder_.native(), ": ", error.message());
  for (const auto& entry : entries_of(folder_)) {
    if (is_temporary(entry.path())) remove_file(entry.path());
  }
}

fs::path CheckpointFolder::save(std::int64_t step, std::span<const TensorSource> tensors, Metadata metadata,
                                const CheckpointScores& scores) {
  CF_CHECK(step >= 0, "a checkpoint of step ", step);
  const auto steps = steps_of(folder_);
  CF_CHECK(steps.empty() || steps.back().first <= step, "a checkpoint of step ", step, " where ",
           steps.empty() ? "" : steps.back().second.native(), " is: rewind first");
  put_int(metadata, "step", step);
  for (const auto& [key, score] :
       {std::pair(std::string("score"), scores.raw), std::pair(std::string("ema_score"), scores.ema)}) {
    CF_CHECK(!score || !std::isnan(*score), "the ", key, " of step ", step, " is not a number");
    metadata.erase(key);
    if (score) put_double(metadata, key, *score);
  }
  auto path = folder_ / name_of_step(step);
  write_safetensors(path, tensors, metadata, {sync_, true});
  const auto files = readable_checkpoints(folder_);
  set_links(files);
  delete_surplus(files);
  return path;
}

std::vector<fs::path> CheckpointFolder::rewind(std::int64_t step) {
  std::vector<fs::path> abandoned;
  for (const auto& [later, path] : steps_of(folder_)) {
    if (later <= step) continue;
    const auto name = folder_ / concat("abandoned_", path.filename().native());
    std::error_code error;
    fs::rename(path, name, error);
    CF_CHECK_AS(ErrorKind::Checkpoint, !error, "cannot rename ", path.native(), ": ", error.message());
    abandoned.push_back(name);
  }
  set_links(readable_checkpoints(folder_));
  return abandoned;
}

void CheckpointFolder::set_links(const std::vector<CheckpointFile>& files) const {
  set_link(folder_ / "last", files.empty() ? nullptr : &files.back());
  set_link(folder_ / "best", best_by(files, [](const CheckpointFile& file) { return file.scores.raw; }));
  set_link(folder_ / "best_ema", best_by(files, [](const CheckpointFile& file) { return file.scores.ema; }));
  if (sync_ == SyncPolicy::Durable) sync_folder(folder_);
}

void CheckpointFolder::delete_surplus(const std::vector<CheckpointFile>& files) const {
  std::set<fs::path> kept;
  for (const auto& entry : entries_of(folder_)) {
    std::error_code not_a_link;
    if (entry.is_symlink(not_a_link)) kept.insert(fs::read_symlink(entry.path(), not_a_link).filename());
  }
  const auto last = std::min(files.size(), static_cast<std::size_t>(retention_.keep_last));
  for (std::size_t i = files.size() - last; i < files.size(); ++i) kept.insert(files[i].path.filename());

  std::vector<const CheckpointFile*> ranked;
  for (const auto& file : files) {
    if (higher_score(file.scores)) ranked.push_back(&file);
  }
  std::ranges::stable_sort(ranked, [](const CheckpointFile* a, const CheckpointFile* b) {
    return *higher_score(a->scores) > *higher_score(b->scores);
  });
  ranked.resize(std::min(ranked.size(), static_cast<std::size_t>(retention_.keep_best)));
  for (const auto* file : ranked) kept.insert(file->path.filename());

  for (const auto& file : files) {
    if (!kept.contains(file.path.filename())) remove_file(file.path);
  }
}

std::vector<CheckpointFile> list_checkpoints(const fs::path& folder) {
  std::vector<CheckpointFile> files;
  for (const auto& [step, path] : steps_of(folder)) files.push_back(inspect(step, path));
  return files;
}

NewestGood newest_good(const fs::path& folder) {
  NewestGood result;
  const auto steps = steps_of(folder);
  for (auto at = steps.rbegin(); at != steps.rend(); ++at) {
    try {
      verify_safetensors(at->second);
      result.path = at->second;
      return result;
    } catch (const Error& error) {
      result.damaged.emplace_back(error.what());
    }
  }
  return result;
}

}  // namespace cf
