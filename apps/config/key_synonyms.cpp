#include "apps/config/key_synonyms.h"

#include <algorithm>
#include <array>
#include <utility>

namespace cf::apps {

std::string_view key_called(std::string_view name) {
  using Synonym = std::pair<std::string_view, std::string_view>;
  // Of timm, torchvision's references and Ultralytics.
  constexpr std::array kSynonyms{Synonym{"epochs", "train.duration"},
                                 Synonym{"max_steps", "train.duration"},
                                 Synonym{"batch_size", "train.batch"},
                                 Synonym{"img_size", "train.size"},
                                 Synonym{"imgsz", "train.size"},
                                 Synonym{"image_size", "train.size"},
                                 Synonym{"input_size", "train.size"},
                                 Synonym{"train_crop_size", "train.size"},
                                 Synonym{"val_crop_size", "eval.size"},
                                 Synonym{"crop_pct", "eval.crop"},
                                 Synonym{"interpolation", "eval.resize"},
                                 Synonym{"workers", "data.threads"},
                                 Synonym{"num_workers", "data.threads"},
                                 Synonym{"learning_rate", "optimizer.lr"},
                                 Synonym{"lr0", "optimizer.lr"},
                                 Synonym{"opt", "optimizer.kind"},
                                 Synonym{"wd", "optimizer.weight_decay"},
                                 Synonym{"clip_grad", "optimizer.clip_norm"},
                                 Synonym{"clip_grad_norm", "optimizer.clip_norm"},
                                 Synonym{"sched", "schedule.kind"},
                                 Synonym{"lr_scheduler", "schedule.kind"},
                                 Synonym{"warmup_epochs", "schedule.warmup"},
                                 Synonym{"lr_warmup_epochs", "schedule.warmup"},
                                 Synonym{"label_smoothing", "loss.smoothing"},
                                 Synonym{"num_classes", "model.classes"},
                                 Synonym{"pretrained", "model.init"},
                                 Synonym{"amp", "precision.compute"},
                                 Synonym{"dtype", "precision.compute"},
                                 Synonym{"auto_augment", "augment.randaugment"},
                                 Synonym{"hflip", "augment.flip"},
                                 Synonym{"fliplr", "augment.flip"},
                                 Synonym{"reprob", "augment.erase"},
                                 Synonym{"random_erase", "augment.erase"},
                                 Synonym{"model_ema_decay", "ema.decay"}};
  const auto found =
      std::find_if(kSynonyms.begin(), kSynonyms.end(), [&](const Synonym& s) { return s.first == name; });
  return found == kSynonyms.end() ? std::string_view{} : found->second;
}

}  // namespace cf::apps
