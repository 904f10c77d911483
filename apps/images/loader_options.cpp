#include "apps/images/loader_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/host/cores.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

data::Filter filter_of(const std::string& name) {
  return name == "bicubic" ? data::Filter::Bicubic : data::Filter::Bilinear;
}

// data.mean as a byte per channel: what normalisation makes zero, to half a step.
data::FillColour mean_colour(const Config& config) {
  data::FillColour colour{};
  const auto& mean = config.data.mean;
  for (std::size_t c = 0; c < std::min(colour.size(), mean.size()); ++c)
    colour[c] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(mean[c], 0.0, 1.0)));
  return colour;
}

data::AppearanceOptions appearance_options(const Config& config) {
  const AugmentConfig& augment = config.augment;
  data::AppearanceOptions options;
  if (!augment.randaugment.empty()) options.rand_augment = data::parse_rand_augment(augment.randaugment);
  options.trivial_augment = augment.trivial_augment;
  if (!augment.color_jitter.empty()) {
    const auto strength = [&](std::size_t i) { return static_cast<float>(augment.color_jitter.at(i)); };
    options.jitter = {strength(0), strength(1), strength(2), strength(3)};
  }
  options.grey = static_cast<float>(augment.grayscale);
  options.erase = static_cast<float>(augment.erase);
  options.fill = mean_colour(config);
  return options;
}

}  // namespace

std::string substitution_text(const data::BadRecord& record, std::int64_t count) {
  return fmt::format("warning: corrupt image {}, replaced by the next of its class: {}", count,
                     record.message);
}

data::LoaderOptions training_loader_options(const Config& config, std::int64_t epoch, int threads) {
  const AugmentConfig& augment = config.augment;
  const auto interval = [](const NumberPair& pair) {
    return data::Interval{static_cast<float>(pair[0]), static_cast<float>(pair[1])};
  };
  const int size = config.train.size.at_epoch(static_cast<int>(epoch));
  data::LoaderOptions options;
  options.batch = config.train.batch;
  options.height = options.width = size;
  options.channels = config.model.channels;
  options.threads = threads;
  options.seed = static_cast<std::uint64_t>(config.seed);
  options.shuffle = config.data.shuffle == "block" ? data::Shuffle::Block : data::Shuffle::Full;
  options.augment = options.drop_last = true;
  options.augmentation.crop_scale = interval(augment.crop_scale);
  options.augmentation.aspect = interval(augment.crop_aspect);
  options.augmentation.flip = static_cast<float>(augment.flip);
  options.augmentation.pad = augment.pad;
  options.augmentation.filter = filter_of(augment.filter);
  options.augmentation.upright = config.data.exif_orientation;
  options.augmentation.appearance = appearance_options(config);
  options.repeats = augment.repeats;
  options.on_corrupt =
      config.data.on_corrupt == "substitute" ? data::OnCorrupt::Substitute : data::OnCorrupt::Error;
  options.corrupt_limit = config.data.corrupt_limit;
  options.on_substitute = [](const data::BadRecord& record, std::int64_t count) {
    fmt::print(stderr, "{}\n", substitution_text(record, count));
  };
  options.first_epoch = epoch;
  return options;
}

data::LoaderOptions evaluation_loader_options(const Config& config, int threads) {
  const data::EvaluationGeometry geometry = evaluation_geometry(config, config.eval.size);
  data::LoaderOptions options;
  options.batch = config.eval.batch;
  options.height = geometry.target.height;
  options.width = geometry.target.width;
  options.channels = geometry.channels;
  options.threads = threads;
  options.crop = geometry.crop;
  options.filter = geometry.filter;
  options.fit = geometry.fit;
  options.upright = geometry.upright;
  return options;
}

data::EvaluationGeometry evaluation_geometry(const Config& config, int size) {
  return {.target = {size, size},
          .channels = config.model.channels,
          .crop = static_cast<float>(config.eval.crop),
          .filter = filter_of(config.eval.resize),
          .fit = config.data.fit == "pad" ? data::Fit::Pad : data::Fit::ResizeCrop,
          .upright = config.data.exif_orientation};
}

Normalization normalization_of(const Config& config) {
  return {{config.data.mean.begin(), config.data.mean.end()},
          {config.data.std.begin(), config.data.std.end()}};
}

data::Split split_from(const std::string& text) {
  CF_CHECK_AS(ErrorKind::Usage, text == "train" || text == "val", "--split ", text, "; allowed: train, val");
  return text == "train" ? data::Split::Train : data::Split::Val;
}

int loader_threads(const ThreadCount& configured, PlaceKind computes_at, int ranks_on_host) {
  if (configured.value > 0) return configured.value;
  const int share = all_cores() / ranks_on_host;
  return std::max(1, computes_at == PlaceKind::Cuda ? share - 1 : share / 4);
}

int all_cores() { return usable_cores(); }

}  // namespace cf::apps
