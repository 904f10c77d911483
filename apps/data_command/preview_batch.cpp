#include "apps/data_command/preview_batch.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "apps/images/batch_mixing.h"
#include "apps/images/loader_options.h"
#include "kernels/base/check.h"
#include "kernels/mix_images/mix_images.h"

namespace cf::apps {

namespace {

// Images of a step, and how many of them are made at once: whole shares of a batch, so that a preview of few
// images of a large batch makes few.
struct PreviewShares {
  int batch, share;
};

PreviewShares preview_shares(const Config& config, std::int64_t images, int count, bool mixes) {
  const int pair = mixes ? 2 : 1, unit = pair * config.augment.repeats;
  const int batch =
      images >= config.train.batch ? config.train.batch : static_cast<int>(images - images % unit);
  CF_CHECK_AS(ErrorKind::Usage, batch >= unit, images, " images are too few for a batch of ", unit,
              ", the least with this [augment]");
  int share = std::min(count, batch);
  while (batch % share != 0 || share % pair != 0) ++share;
  return {batch, share};
}

std::uint8_t byte_of(float value) {
  return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0F, 255.0F)));
}

// What the first kernel of a step makes of the images, and its normalisation undone.
void mix(const BatchMixing& mixing, const BatchMixing::Part& part, const Normalization& statistics,
         data::Batch& batch) {
  std::vector<float> shares(static_cast<std::size_t>(batch.size())), mixed(batch.images.size());
  std::vector<std::int64_t> boxes(4 * shares.size());
  mixing.fill_shares(part, shares);
  mixing.fill_boxes(part, boxes);
  const N n{batch.size()};
  const H h{batch.height};
  const W w{batch.width};
  const C c{batch.channels};
  Threads threads(all_cores());
  kernels::mix_images(Cpu{&threads}, kernels::MixImages<float>{.x = {batch.images.data(), n, h, w, c},
                                                               .mean = {statistics.mean.data(), c},
                                                               .deviation = {statistics.deviation.data(), c},
                                                               .share = {shares.data(), n},
                                                               .box = {boxes.data(), n, K{4}},
                                                               .y = {mixed.data(), n, h, w, c}});
  const auto channels = static_cast<std::size_t>(batch.channels);
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    const std::size_t channel = i % channels;
    batch.images[i] = byte_of(255 * (mixed[i] * statistics.deviation[channel] + statistics.mean[channel]));
  }
}

void append(const data::Batch& batch, data::Batch& all) {
  all.height = batch.height;
  all.width = batch.width;
  all.channels = batch.channels;
  all.images.insert(all.images.end(), batch.images.begin(), batch.images.end());
  all.labels.insert(all.labels.end(), batch.labels.begin(), batch.labels.end());
  all.samples.insert(all.samples.end(), batch.samples.begin(), batch.samples.end());
}

void keep_first(std::int64_t count, data::Batch& batch) {
  if (batch.size() <= count) return;
  const std::size_t image_bytes = batch.images.size() / batch.labels.size(),
                    kept = static_cast<std::size_t>(count);
  batch.images.resize(kept * image_bytes);
  batch.labels.resize(kept);
  batch.samples.resize(kept);
}

}  // namespace

data::Batch training_preview(const data::Dataset& dataset, const Config& config,
                             const TrainingPreview& preview) {
  const BatchMixing mixing(config);
  const bool mixes = preview.mixes && mixing.any();
  const auto [batch_size, share] = preview_shares(config, dataset.size(), preview.count, mixes);
  data::LoaderOptions options = training_loader_options(config, preview.epoch, all_cores());
  options.batch = share;
  options.ranks = batch_size / share;  // this is the first of so many that share a step
  data::Loader loader(dataset, options);
  data::Batch all;
  const std::int64_t steps = loader.batches_per_epoch();
  for (std::int64_t step = 0; step < steps && all.size() < preview.count; ++step) {
    data::Batch batch = loader.next();
    if (mixes) {
      mix(mixing, {.step = preview.epoch * steps + step, .first = 0, .size = {batch.height, batch.width}},
          normalization_of(config), batch);
    }
    append(batch, all);
  }
  keep_first(preview.count, all);
  return all;
}

data::Batch evaluation_preview(const data::Dataset& dataset, const Config& config, int count) {
  data::LoaderOptions options = evaluation_loader_options(config, all_cores());
  options.batch = static_cast<int>(std::min<std::int64_t>(count, dataset.size()));
  return data::Loader(dataset, options).next();
}

}  // namespace cf::apps
