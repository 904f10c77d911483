#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "apps/run_folder/metrics_log.h"
#include "kernels/base/check.h"
#include "tests/scratch_folder.h"

namespace cf::apps {
namespace {

namespace fs = std::filesystem;

class MetricsFile : public testing::Test {
 protected:
  std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::vector<std::int64_t> steps() const {
    std::vector<std::int64_t> steps;
    for (const MetricsRow& row : read_metrics(path_)) steps.push_back(step_of(row));
    return steps;
  }

  const ScratchFolder scratch_;
  const fs::path folder_ = scratch_.path();
  const std::string path_ = folder_ / "metrics.jsonl";
};

TEST_F(MetricsFile, RowsComeBack) {
  {
    MetricsLog log(path_);
    log.append(TrainRow{.step = 10, .epoch = 0.25, .loss = 2.125, .top1 = 0.5, .lr = 0.1});
    log.append(EvalRow{.step = 10, .images = 10000, .top1 = 0.75, .top5 = 0.875, .ema_top1 = 0.8125});
  }
  const auto rows = read_metrics(path_);
  ASSERT_EQ(rows.size(), 2u);
  const auto& train = std::get<TrainRow>(rows[0]);
  EXPECT_EQ(train.step, 10);
  EXPECT_EQ(train.epoch, 0.25);
  EXPECT_EQ(train.loss, 2.125);
  EXPECT_TRUE(std::isnan(train.img_per_s));
  const auto& eval = std::get<EvalRow>(rows[1]);
  EXPECT_EQ(eval.images, 10000);
  EXPECT_EQ(eval.ema_top1, 0.8125);
  EXPECT_TRUE(std::isnan(eval.loss));
}

TEST_F(MetricsFile, NumbersComeBackExactly) {
  const TrainRow row{.step = (std::int64_t{1} << 53) + 1, .loss = 0.1 + 0.2, .lr = 1e-300};
  const auto again = std::get<TrainRow>(metrics_row_from_json(to_json_line(row)));
  EXPECT_EQ(again.step, row.step);
  EXPECT_EQ(again.loss, row.loss);
  EXPECT_EQ(again.lr, row.lr);
}

TEST_F(MetricsFile, TheSlowestRankComesBackOrIsNull) {
  const TrainRow row{.slowest_rank = 3, .slowest_cause = "data"};
  const auto again = std::get<TrainRow>(metrics_row_from_json(to_json_line(row)));
  EXPECT_EQ(again.slowest_rank, row.slowest_rank);
  EXPECT_EQ(again.slowest_cause, row.slowest_cause);
  const auto line = to_json_line(TrainRow{});
  EXPECT_NE(line.find(R"("slowest_rank":null,"slowest_cause":null)"), std::string::npos) << line;
  EXPECT_FALSE(std::get<TrainRow>(metrics_row_from_json(line)).slowest_rank);
}

TEST_F(MetricsFile, InfinityIsWrittenAsNull) {
  const auto line = to_json_line(TrainRow{.loss = std::numeric_limits<double>::infinity()});
  EXPECT_NE(line.find("\"loss\":null"), std::string::npos) << line;
}

TEST_F(MetricsFile, OpeningAgainAppends) {
  MetricsLog(path_).append(TrainRow{.step = 1});
  MetricsLog(path_).append(TrainRow{.step = 2});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 2}));
}

TEST_F(MetricsFile, TornLastLineIsDropped) {
  MetricsLog(path_).append(TrainRow{.step = 1});
  const std::string whole = text();
  std::ofstream(path_, std::ios::app) << R"({"kind":"train","step":2,"ep)";
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1}));
  MetricsLog log(path_);
  EXPECT_EQ(text(), whole);
  log.append(TrainRow{.step = 3});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 3}));
}

TEST_F(MetricsFile, OnlyATornLine) {
  std::ofstream(path_) << R"({"kind":)";
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{}));
  MetricsLog(path_).append(TrainRow{.step = 3});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{3}));
}

TEST_F(MetricsFile, CutAfterTheResumePoint) {
  MetricsLog log(path_);
  for (const int step : {5, 10, 15, 20}) log.append(TrainRow{.step = step});
  log.append(EvalRow{.step = 20});
  log.cut_after(12);
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{5, 10}));
  log.append(TrainRow{.step = 15});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{5, 10, 15}));
  log.cut_after(15);
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{5, 10, 15}));
  log.cut_after(-1);
  EXPECT_EQ(text(), "");
}

TEST_F(MetricsFile, DamageInTheMiddleNamesTheLine) {
  std::ofstream(path_) << to_json_line(TrainRow{.step = 1}) << "\nnonsense\n"
                       << to_json_line(TrainRow{.step = 3}) << "\n";
  try {
    read_metrics(path_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Data);
    EXPECT_EQ(std::string(error.what()).substr(0, path_.size() + 3), path_ + ":2:");
  }
}

TEST_F(MetricsFile, UnknownKindOfRow) { EXPECT_THROW(metrics_row_from_json(R"({"kind":"x"})"), Error); }

TEST_F(MetricsFile, NoFileHasNoRows) { EXPECT_TRUE(read_metrics(path_).empty()); }

TEST_F(MetricsFile, FolderThatIsNotThere) {
  EXPECT_THROW(MetricsLog((folder_ / "none" / "metrics.jsonl").string()), Error);
}

TEST_F(MetricsFile, WhatIsNotARegularFile) { EXPECT_THROW(MetricsLog("/dev/full"), Error); }

// Limits the size of files this process writes while it lives: a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST_F(MetricsFile, FullDiskKeepsWholeRows) {
  MetricsLog log(path_);
  log.append(TrainRow{.step = 1});
  const std::string whole = text();
  {
    const FileSizeLimit limit(whole.size() + 20);
    EXPECT_THROW(log.append(TrainRow{.step = 2}), Error);
  }
  EXPECT_EQ(text(), whole);
  log.append(TrainRow{.step = 3});
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{1, 3}));
}

TEST_F(MetricsFile, EvaluationReportComesBack) {
  const EvaluationReport report{.classes = {"a \"quoted\"", "b\xff"},
                                .confusion = {{3, 1}, {0, 4}},
                                .top1 = 0.875,
                                .top5 = 1,
                                .images = 8,
                                .checkpoint = "last",
                                .weights = "ema"};
  const std::string path = (folder_ / "eval.json").string();
  write_evaluation_report(path, report);
  const auto again = read_evaluation_report(path);
  EXPECT_EQ(again.classes[0], report.classes[0]);
  EXPECT_EQ(again.confusion, report.confusion);
  EXPECT_EQ(again.top1, 0.875);
  EXPECT_EQ(again.images, 8);
  EXPECT_EQ(again.weights, "ema");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "a temporary file is left";
}

TEST_F(MetricsFile, EvaluationReportOfTheWrongShape) {
  const std::string path = (folder_ / "eval.json").string();
  std::ofstream(path) << R"({"top1":1,"top5":1,"images":1,"classes":["a","b"],"confusion":[[1,0]]})";
  EXPECT_THROW(read_evaluation_report(path), Error);
  std::ofstream(path) << R"({"top1":1,"top5":1,"images":1,"classes":["a"],"confusion":[[1,0]]})";
  EXPECT_THROW(read_evaluation_report(path), Error);
  std::ofstream(path) << R"({"top1":"x"})";
  EXPECT_THROW(read_evaluation_report(path), Error);
}

}  // namespace
}  // namespace cf::apps
