#include "apps/images/batch_mixing.h"

#include <algorithm>

namespace cf::apps {

BatchMixing::BatchMixing(const Config& config)
    : options_{.mixup = config.augment.mixup,
               .cutmix = config.augment.cutmix,
               .probability = config.augment.mixup_prob,
               .switch_probability = config.augment.mixup_switch_prob},
      seed_(static_cast<std::uint64_t>(config.seed)) {}

data::PairMix BatchMixing::draw(const Part& part, std::size_t image) const {
  const std::int64_t pair = (part.first + static_cast<std::int64_t>(image)) / 2;
  return data::draw_pair_mix(options_, seed_, part.step, pair, part.size);
}

void BatchMixing::fill_shares(const Part& part, std::span<float> shares) const {
  for (std::size_t i = 0; i < shares.size(); ++i) shares[i] = draw(part, i).share;
}

void BatchMixing::fill_boxes(const Part& part, std::span<std::int64_t> boxes) const {
  for (std::size_t i = 0; i < boxes.size() / 4; ++i) {
    const data::PixelBox box = draw(part, i).box;
    const std::int64_t edges[] = {box.top, box.left, box.top + box.height, box.left + box.width};
    std::copy(std::begin(edges), std::end(edges), boxes.begin() + static_cast<std::ptrdiff_t>(4 * i));
  }
}

void BatchMixing::fill_targets(const Part& part, std::span<const std::int64_t> labels,
                               std::span<float> targets) const {
  const std::size_t classes = targets.size() / labels.size();
  std::fill(targets.begin(), targets.end(), 0.0F);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const float own = draw(part, i).label_share;
    const auto row = targets.subspan(i * classes, classes);
    row[static_cast<std::size_t>(labels[i])] += own;
    row[static_cast<std::size_t>(labels[i ^ 1])] += 1 - own;
  }
}

void BatchMixing::fill_main_labels(const Part& part, std::span<const std::int64_t> labels,
                                   std::span<std::int64_t> main_labels) const {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    main_labels[i] = draw(part, i).label_share >= 0.5F ? labels[i] : labels[i ^ 1];
  }
}

}  // namespace cf::apps
