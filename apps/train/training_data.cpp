#include "apps/train/training_data.h"

#include <string>

#include "apps/config/utf8.h"
#include "apps/images/open_data.h"
#include "kernels/base/check.h"

namespace cf::apps {

namespace {

std::unique_ptr<data::Dataset> open(const std::string& key, const std::string& path, data::Split split,
                                    const ModelConfig& model, std::FILE* progress) {
  CF_CHECK_AS(ErrorKind::Usage, !path.empty(), "data.", key, " is not set; it names the ",
              key == "train" ? "training" : "validation", " images");
  auto dataset = in_context([&] { return concat("data.", key); },
                            [&] {
                              return open_data({path, model.channels}, split, progress);
                            });
  const auto classes = static_cast<std::int64_t>(dataset->class_names().size());
  CF_CHECK_AS(ErrorKind::Usage, classes == model.classes, "model.classes is ", model.classes, ", data.", key,
              " (", path, ") has ", classes, classes == 1 ? " class" : " classes",
              classes >= 2 ? "; set model.classes to it" : "");
  for (const std::string& name : dataset->class_names()) {
    CF_CHECK_AS(ErrorKind::Data, is_utf8(name), "data.", key, " (", path, "): the name of class '", name,
                "' is not UTF-8, in which a checkpoint stores it; rename its folder");
  }
  return dataset;
}

}  // namespace

std::unique_ptr<data::Dataset> open_training_data(const Config& config, std::FILE* progress) {
  return open("train", config.data.train, data::Split::Train, config.model, progress);
}

std::unique_ptr<data::Dataset> open_validation_data(const Config& config, const data::Dataset& train,
                                                    std::FILE* progress) {
  auto dataset = open("val", config.data.val, data::Split::Val, config.model, progress);
  data::require_same_classes(train, *dataset);
  return dataset;
}

}  // namespace cf::apps
