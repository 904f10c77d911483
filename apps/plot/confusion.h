// What an evaluation got wrong: per class, per pair of classes, and the confusion matrix as a picture.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/run_folder/metrics.h"

namespace cf::apps {

struct ClassAccuracy {
  std::size_t label = 0;
  std::int64_t images = 0, correct = 0;
  std::size_t taken_for = 0;          // the class its mistakes went to most often
  std::int64_t taken_for_images = 0;  // 0: no mistakes
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(images); }
};

// Classes that have images, the least accurate first.
std::vector<ClassAccuracy> class_accuracies(const EvaluationReport& report);

struct ConfusedPair {
  std::size_t label = 0, taken_for = 0;
  std::int64_t images = 0;
};

// The most frequent mistakes, at most `count`.
std::vector<ConfusedPair> confused_pairs(const EvaluationReport& report, std::size_t count);

// Colours of confusion_svg(), beside kChartStyle.
extern const std::string_view kConfusionStyle;

// True classes in rows, predictions in columns; numbers in the cells up to 20 classes, colours only up to
// 100. Empty for more classes: such a picture cannot be read.
std::string confusion_svg(const EvaluationReport& report);

}  // namespace cf::apps
