// A training run that takes a fraction of a second: 256 drawn images of 16 pixels in 4 classes, 8 steps an
// epoch, a network of two stages. It has everything switched on whose state a checkpoint must hold: AdamW,
// clipping, averaged weights, stochastic depth, dropout, two micro-batches a step, augmentation, mixup and
// cutmix, growing images.
#pragma once

#include <string>
#include <vector>

namespace cf {

inline constexpr int kTinyStepsPerEpoch = 8;

// Arguments of `convfirst train` for `steps` steps into `folder`, with more settings "key=value" behind.
// `threads` compute.
inline std::vector<std::string> tiny_run(const std::string& folder, int steps,
                                         const std::vector<std::string>& settings = {},
                                         const std::string& threads = "1") {
  std::vector<std::string> all = {"data.train=\"synthetic:classes=4,size=24,channels=1,samples=256\"",
                                  "data.val=\"synthetic:classes=4,size=24,channels=1,samples=64\"",
                                  "data.threads=1",
                                  "train.duration=" + std::to_string(steps) + "st",
                                  "train.batch=32",
                                  "train.norm_batch=16",
                                  "train.size=[[0,16],[1,24]]",
                                  "train.log_every=3",
                                  "augment.crop_scale=[0.3,1.0]",
                                  "augment.mixup=0.4",
                                  "augment.cutmix=1.0",
                                  "augment.mixup_prob=0.7",
                                  "loss.smoothing=0.1",
                                  "optimizer.kind=\"adamw\"",
                                  "optimizer.lr=0.002",
                                  "optimizer.clip_norm=1.0",
                                  "schedule.warmup=4st",
                                  "model.classes=4",
                                  "model.blocks=[\"convfirst\",\"mbconv\"]",
                                  "model.widths=[8,16]",
                                  "model.depths=[1,1]",
                                  "model.expansion=[2,2]",
                                  "model.head=16",
                                  "model.drop_path=0.3",
                                  "model.dropout=0.2",
                                  "ema.decay=0.9",
                                  "checkpoint.every=5st",
                                  "eval.every=8st"};
  all.insert(all.end(), settings.begin(), settings.end());
  std::vector<std::string> arguments{"train", "synthetic.toml", "--out", folder};
  arguments.insert(arguments.end(), {"--threads", threads});
  for (const auto& setting : all) {
    arguments.emplace_back("--set");
    arguments.push_back(setting);
  }
  return arguments;
}

}  // namespace cf
