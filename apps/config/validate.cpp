#include "apps/config/validate.h"

#include <algorithm>
#include <numeric>

#include "data/transforms/rand_augment.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

class Validator {
 public:
  explicit Validator(const ResolvedConfig& resolved) : resolved_(resolved), config_(resolved.config) {}

  void run() const {
    check_model();
    check_data();
    check_augment();
    check_train();
    check_optimization();
  }

 private:
  template <class... Parts>
  void check(bool ok, const std::string& key, const Parts&... parts) const {
    if (ok) return;
    const auto found = resolved_.origins.find(key);
    const bool given = found != resolved_.origins.end() && found->second != "default";
    fail(ErrorKind::Usage, given ? found->second + ": " : "", key, " ", parts...);
  }

  void check_model() const {
    const ModelConfig& model = config_.model;
    const auto stages = model.blocks.size();
    check(stages > 0, "model.blocks", "is empty; allowed: one entry per stage, at least one");
    const auto check_length = [&](const std::string& key, std::size_t length) {
      check(length == stages, key, "has ", length, " entries, model.blocks has ", stages,
            "; allowed: one entry per stage");
    };
    check_length("model.widths", model.widths.size());
    check_length("model.depths", model.depths.size());
    check_length("model.expansion", model.expansion.size());
    for (const int width : model.widths) {
      check(width % model.group_width == 0, "model.widths", "holds ", width,
            "; allowed: multiples of model.group_width = ", model.group_width);
    }
    for (std::size_t i = 0; i < stages; ++i) {
      check(model.blocks[i] != "mbconv" || model.widths[i] >= 4, "model.widths", "holds ", model.widths[i],
            " for an mbconv stage; allowed: at least 4 (squeeze-excite has a quarter of the channels)");
    }
    check(stages <= 16, "model.blocks", "has ", stages, " entries; allowed: at most 16");
    const std::int64_t reduction = std::int64_t{model.patch} << (stages - 1);
    for (const auto& step : config_.train.size.steps) {
      check(step.size >= reduction, "train.size", "of ", step.size,
            " pixels leaves nothing for the last stage; allowed: at least ", reduction,
            " (model.patch * 2 per stage)");
    }
    check(config_.eval.size >= reduction, "eval.size", "of ", config_.eval.size,
          " pixels leaves nothing for the last stage; allowed: at least ", reduction);
  }

  void check_data() const {
    const auto channels = static_cast<std::size_t>(config_.model.channels);
    const auto check_length = [&](const std::string& key, std::size_t length) {
      check(length == channels, key, "has ", length,
            " entries; allowed: one per channel, model.channels = ", channels);
    };
    check_length("data.mean", config_.data.mean.size());
    check_length("data.std", config_.data.std.size());
    const auto check_order = [&](const std::string& key, const NumberPair& pair) {
      check(pair[0] <= pair[1], key, "= [", pair[0], ", ", pair[1], "]; allowed: the smaller number first");
    };
    check_order("augment.crop_scale", config_.augment.crop_scale);
    check_order("augment.crop_aspect", config_.augment.crop_aspect);
  }

  void check_augment() const {
    const AugmentConfig& augment = config_.augment;
    if (!augment.randaugment.empty()) {
      try {
        data::parse_rand_augment(augment.randaugment);
      } catch (const Error& error) {
        check(false, "augment.randaugment", "= ", error.what());
      }
      check(!augment.trivial_augment, "augment.trivial_augment",
            "= true besides augment.randaugment; allowed: one of the two");
    }
    const auto& jitter = augment.color_jitter;
    check(jitter.empty() || jitter.size() == 4, "augment.color_jitter", "has ", jitter.size(),
          " entries; allowed: none, or brightness, contrast, saturation and hue");
    check(jitter.empty() || jitter[3] <= 0.5, "augment.color_jitter", "has a hue of ",
          jitter.empty() ? 0 : jitter[3], "; allowed: at most 0.5");
    check((augment.mixup <= 0 && augment.cutmix <= 0) || config_.train.norm_batch % 2 == 0,
          "train.norm_batch", "= ", config_.train.norm_batch,
          "; allowed with augment.mixup or augment.cutmix: even numbers, as images are mixed in pairs");
    check(config_.train.batch % augment.repeats == 0, "augment.repeats", "= ", augment.repeats,
          " does not divide train.batch = ", config_.train.batch);
  }

  void check_train() const {
    const TrainConfig& train = config_.train;
    check(train.batch % train.norm_batch == 0, "train.norm_batch", "= ", train.norm_batch,
          " does not divide train.batch = ", train.batch);
    const Duration& warmup = config_.schedule.warmup;
    check(warmup.unit != train.duration.unit || warmup.value <= train.duration.value, "schedule.warmup", "= ",
          warmup.text(), " is longer than train.duration = ", train.duration.text());
  }

  void check_optimization() const {
    const OptimizerConfig& optimizer = config_.optimizer;
    const ScheduleConfig& schedule = config_.schedule;
    check(!optimizer.nesterov || optimizer.kind == "sgd", "optimizer.nesterov",
          "= true; allowed: only with optimizer.kind = \"sgd\"");
    check(!optimizer.nesterov || optimizer.momentum > 0, "optimizer.nesterov",
          "= true; allowed: only with optimizer.momentum > 0");
    check(schedule.min_lr <= optimizer.lr, "schedule.min_lr", "= ", schedule.min_lr,
          " is above optimizer.lr = ", optimizer.lr);
    if (schedule.kind != "step") return;
    const auto& boundaries = schedule.boundaries;
    check(!boundaries.empty(), "schedule.boundaries", "is empty; a step schedule needs at least one");
    for (std::size_t i = 1; i < boundaries.size(); ++i) {
      check(boundaries[i].unit == boundaries[0].unit && boundaries[i - 1].value < boundaries[i].value,
            "schedule.boundaries", "go from ", boundaries[i - 1].text(), " to ", boundaries[i].text(),
            "; allowed: one unit, increasing");
    }
  }

  const ResolvedConfig& resolved_;
  const Config& config_;
};

// Mean and standard deviation of ImageNet's red, green and blue in [0, 1].
const std::vector<double> kImageNetMean = {0.485, 0.456, 0.406};
const std::vector<double> kImageNetStd = {0.229, 0.224, 0.225};

std::vector<double> for_channels(const std::vector<double>& rgb, int channels) {
  if (channels == 3) return rgb;
  const double average = std::accumulate(rgb.begin(), rgb.end(), 0.0) / static_cast<double>(rgb.size());
  return std::vector<double>(static_cast<std::size_t>(channels), average);
}

}  // namespace

void fill_in(ResolvedConfig& resolved) {
  Config& config = resolved.config;
  const auto fill = [&](const std::string& key, auto& value, const auto& filled, const std::string& from) {
    value = filled;
    resolved.origins[key] = "from " + from;
  };
  const int channels = config.model.channels;
  if (config.data.mean.empty()) {
    fill("data.mean", config.data.mean, for_channels(kImageNetMean, channels), "model.channels");
  }
  if (config.data.std.empty()) {
    fill("data.std", config.data.std, for_channels(kImageNetStd, channels), "model.channels");
  }
  if (config.train.norm_batch == 0) {
    fill("train.norm_batch", config.train.norm_batch, config.train.batch, "train.batch");
  }
  if (config.eval.size == 0) fill("eval.size", config.eval.size, config.train.size.largest(), "train.size");
  if (config.eval.batch == 0) fill("eval.batch", config.eval.batch, config.train.batch, "train.batch");
}

void validate(const ResolvedConfig& resolved) { Validator(resolved).run(); }

}  // namespace cf::apps
