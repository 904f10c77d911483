#include "apps/config/config.h"

namespace cf::apps {
namespace {

// More are never wanted, and starting hundreds of thousands would bring the host to a halt.
constexpr double kMostThreads = 1024;
// Keep what is computed from them, such as multiply-accumulates of a network, far from overflow.
constexpr double kMostPixels = 65536, kMostChannels = 65536, kMostBlocks = 65536;

}  // namespace

void DataConfig::fields(FieldList& field) {
  field("train", train, anything(),
        "training images: a pack, a folder of class folders, of IDX files or of CIFAR files, a tar archive, "
        "IMAGES:LABELS, or synthetic:KEY=N,...");
  field("val", val, anything(), "evaluation images, the same forms");
  field("threads", threads, between(1, kMostThreads),
        "threads that read and decode images; auto: a quarter of the cores, beside a GPU all but one");
  field("shuffle", shuffle, one_of("full", "block"),
        "order of training images: any, or by blocks of neighbours, which a disk reads faster when the "
        "images do "
        "not fit into memory");
  field("fit", fit, one_of("resize_crop", "pad"),
        "evaluation images are resized and cut in the centre, or put in the middle of black if they fit in");
  field("exif_orientation", exif_orientation, anything(),
        "training and evaluation turn images upright as a JPEG's EXIF says; published accuracies do not");
  field("on_corrupt", on_corrupt, one_of("error", "substitute"),
        "a training image that cannot be read ends the run, or is replaced by the next of its class");
  field("corrupt_limit", corrupt_limit, at_least(0),
        "so many different images may be replaced, then it is an error");
  field(
      "mean", mean, anything(),
      "per channel, subtracted from values in [0, 1]; empty: ImageNet's (the average if channels is not 3)");
  field("std", std, above(0), "per channel, divides the values; empty: ImageNet's, likewise");
}

void TrainConfig::fields(FieldList& field) {
  field("duration", duration, positive_epochs_or_steps(), "how long to train");
  field("batch", batch, at_least(1), "images per optimizer step, over all ranks");
  field("norm_batch", norm_batch, at_least(0),
        "images per batch-norm statistic and micro-batch; divides batch; 0: batch");
  field("size", size, between(1, kMostPixels),
        "side of the training images in pixels, or [[epoch, size], ...]");
  field("log_every", log_every, at_least(1), "steps between two lines of the log");
}

void AugmentConfig::fields(FieldList& field) {
  field("crop_scale", crop_scale, above_up_to(0, 1),
        "area of the random crop as a share of the image, smallest and largest");
  field("crop_aspect", crop_aspect, above(0), "width / height of the random crop, smallest and largest");
  field("flip", flip, between(0, 1), "probability of a horizontal flip");
  field("pad", pad, between(0, kMostPixels),
        "black pixels on each side before a random crop of the training size; 0: random resized crop");
  field("filter", filter, one_of("bilinear", "bicubic"), "interpolation of the random resized crop");
  field("randaugment", randaugment, anything(),
        "RandAugment in timm's notation, such as \"rand-m9-n2-mstd0.5-inc1\"; empty: none");
  field("trivial_augment", trivial_augment, anything(), "TrivialAugmentWide; not together with randaugment");
  field("color_jitter", color_jitter, at_least(0),
        "strength of random brightness, contrast, saturation and hue (at most 0.5); empty: none");
  field("grayscale", grayscale, between(0, 1), "probability of an image without colour");
  field("erase", erase, between(0, 1),
        "probability of a rectangle of 2 to 33 % of the image replaced by data.mean");
  field("repeats", repeats, at_least(1),
        "times every image comes in a batch, augmented anew; an epoch takes that share of the images");
  field("mixup", mixup, at_least(0),
        "neighbouring images of the batch are mixed, and their labels, by a share drawn from Beta(a, a): "
        "this a; "
        "0: none");
  field("cutmix", cutmix, at_least(0),
        "a box of each image's neighbour is put into it, its area drawn from Beta(a, a): this a; 0: none");
  field("mixup_prob", mixup_prob, between(0, 1), "probability that a pair is mixed, or cut and mixed");
  field("mixup_switch_prob", mixup_switch_prob, between(0, 1), "probability of cutmix where both are on");
}

void LossConfig::fields(FieldList& field) {
  field("kind", kind, one_of("cross_entropy", "bce"),
        "softmax cross entropy, or a binary cross entropy per class");
  field("smoothing", smoothing, from_below(0, 1), "label smoothing");
}

void OptimizerConfig::fields(FieldList& field) {
  field("kind", kind, one_of("sgd", "adamw", "rmsprop"), "update rule");
  field("lr", lr, above(0), "peak learning rate");
  field("momentum", momentum, from_below(0, 1), "of sgd and rmsprop");
  field("nesterov", nesterov, anything(), "Nesterov's momentum, of sgd");
  field("weight_decay", weight_decay, at_least(0), "not applied to norms and biases");
  field("betas", betas, from_below(0, 1), "decay of the two moments of adamw");
  field("eps", eps, above(0), "added to the denominator of adamw and rmsprop");
  field("alpha", alpha, from_below(0, 1), "decay of the squared gradient of rmsprop");
  field("clip_norm", clip_norm, at_least(0), "largest norm of the whole gradient; 0: no clipping");
}

void ScheduleConfig::fields(FieldList& field) {
  field("kind", kind, one_of("cosine", "linear", "step", "constant"),
        "how the learning rate falls after the warmup");
  field("warmup", warmup, epochs_or_steps(), "linear rise of the learning rate from 0");
  field("min_lr", min_lr, at_least(0), "where cosine and linear end");
  field("boundaries", boundaries, epochs_or_steps(), "when a step schedule multiplies by factor");
  field("factor", factor, above_up_to(0, 1), "of a step schedule");
}

void ModelConfig::fields(FieldList& field) {
  field("name", name, anything(), "a label");
  field("classes", classes, between(2, 262144), "outputs");
  field("channels", channels, between(1, kMostChannels), "of the input image");
  field("patch", patch, between(1, kMostPixels), "stem: patch x patch convolution with that stride");
  field("blocks", blocks, one_of("convfirst", "mbconv"), "kind of block, per stage");
  field("widths", widths, between(1, kMostChannels), "channels, per stage; multiples of group_width");
  field("depths", depths, between(1, kMostBlocks), "blocks, per stage");
  field("expansion", expansion, between(1, 1024), "expanded channels / channels, per stage");
  field("group_width", group_width, between(1, kMostChannels), "channels per group of the 3x3 convolutions");
  field("head", head, between(1, kMostChannels), "features before the classifier");
  field("activation", activation, one_of("relu", "silu", "hard_swish"), "in blocks and head");
  field("drop_path", drop_path, from_below(0, 1),
        "stochastic depth of the last block, rising linearly from 0 at the first");
  field("dropout", dropout, from_below(0, 1), "before the classifier");
  field("fusion", fusion, one_of("auto", "off", "require"),
        "use of fused blocks; require: a block without a fused route is an error");
  field("init", init, anything(), "safetensors file, checkpoint or run folder with weights to start from");
}

void EmaConfig::fields(FieldList& field) {
  field("decay", decay, from_below(0, 1), "of the moving average of the weights per step; 0: none");
}

void PrecisionConfig::fields(FieldList& field) {
  field("compute", compute, one_of("auto", "float32", "bf16", "fp16"),
        "type of activations; auto: bf16 on a GPU, float32 on a CPU");
  field("tf32", tf32, anything(), "matrix products of float32 on a GPU round their factors to 10 bits");
  field("wire", wire, one_of("float32", "bf16"),
        "type of gradients on their way between GPUs, added in it too");
}

void CheckpointConfig::fields(FieldList& field) {
  field("every", every, positive_duration(), "time between two checkpoints");
  field("keep_last", keep_last, at_least(1), "newest checkpoints kept");
  field("keep_best", keep_best, at_least(0), "most accurate checkpoints kept besides");
}

void EvalConfig::fields(FieldList& field) {
  field("every", every, positive_epochs_or_steps(), "time between two evaluations");
  field("size", size, between(0, kMostPixels),
        "side of the evaluation images in pixels; 0: the largest training size");
  field("crop", crop, above_up_to(0, 1), "share of the resized image's side that the centre crop keeps");
  field("resize", resize, one_of("bilinear", "bicubic"), "interpolation");
  field("batch", batch, at_least(0), "images per evaluation step; 0: train.batch");
}

std::vector<Field> fields_of(Config& config) {
  FieldList field;
  field("version", config.version, between(1, 1), "of this file format");
  field("seed", config.seed, at_least(0), "decides everything random");
  const auto section = [&](std::string_view name, auto& part) {
    field.section(name);
    part.fields(field);
  };
  section("data", config.data);
  section("train", config.train);
  section("augment", config.augment);
  section("loss", config.loss);
  section("optimizer", config.optimizer);
  section("schedule", config.schedule);
  section("model", config.model);
  section("ema", config.ema);
  section("precision", config.precision);
  section("checkpoint", config.checkpoint);
  section("eval", config.eval);
  return field.take();
}

}  // namespace cf::apps
