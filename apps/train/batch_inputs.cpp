#include "apps/train/batch_inputs.h"

#include <cstring>
#include <functional>

#include "apps/images/loader_options.h"

namespace cf::apps {

namespace {

template <class T>
std::span<T> elements(std::span<std::byte> bytes) {
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

// The bytes are there for the whole step and a half or a quarter as large: backward makes the images again.
Variable constant(const std::function<Tensor()>& make) { return Variable(make(), make); }

}  // namespace

BatchInputs::BatchInputs(Executor& executor, const Config& config, std::int64_t first_micro_batch)
    : executor_(executor),
      normalizer_(executor, normalization_of(config)),
      mixing_(config),
      smoothing_(static_cast<float>(config.loss.smoothing)),
      images_(config.train.norm_batch),
      first_micro_batch_(first_micro_batch),
      classes_(config.model.classes),
      channels_(config.model.channels) {}

// Before images are mixed.
std::span<const std::int64_t> BatchInputs::labels_of(const PassOptions& options) const {
  const std::int64_t first = (options.micro_batch - first_micro_batch_) * images_;
  return std::span(batch_->labels)
      .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(images_));
}

BatchMixing::Part BatchInputs::mixed_part(const PassOptions& options, std::int64_t step) const {
  return {.step = step, .first = options.micro_batch * images_, .size = size_};
}

Variable BatchInputs::images(Pass& pass) {
  const PassOptions options = pass.options();
  const auto fill = [this, options](std::int64_t, std::span<std::byte> bytes) {
    const std::int64_t part = options.micro_batch - first_micro_batch_;
    std::memcpy(bytes.data(), batch_->images.data() + part * std::ssize(bytes), bytes.size());
  };
  const Tensor stored =
      pass.input(DType::UInt8, Shape(N{images_}, H{size_.height}, W{size_.width}, C{channels_}), fill);
  if (!mixing_.any()) {
    return constant([this, stored] { return normalizer_(executor_, stored, executor_.compute_type()); });
  }

  const auto fill_share = [this, options](std::int64_t step, std::span<std::byte> bytes) {
    mixing_.fill_shares(mixed_part(options, step), elements<float>(bytes));
  };
  const auto fill_box = [this, options](std::int64_t step, std::span<std::byte> bytes) {
    mixing_.fill_boxes(mixed_part(options, step), elements<std::int64_t>(bytes));
  };
  const ImageMix mix{.share = pass.input(DType::Float32, Shape(N{images_}), fill_share),
                     .box = pass.input(DType::Int64, Shape(N{images_}, K{4}), fill_box)};
  return constant(
      [this, stored, mix] { return normalizer_(executor_, stored, mix, executor_.compute_type()); });
}

Tensor BatchInputs::labels(Pass& pass) {
  const auto fill = [this, options = pass.options()](std::int64_t, std::span<std::byte> bytes) {
    std::memcpy(bytes.data(), labels_of(options).data(), bytes.size());
  };
  return pass.input(DType::Int64, Shape(N{images_}), fill);
}

Target BatchInputs::target(Pass& pass) {
  if (!mixing_.any()) return {.labels = labels(pass), .soft_targets = {}, .smoothing = smoothing_};
  const auto fill = [this, options = pass.options()](std::int64_t step, std::span<std::byte> bytes) {
    mixing_.fill_targets(mixed_part(options, step), labels_of(options), elements<float>(bytes));
  };
  return {.labels = {},
          .soft_targets = pass.input(DType::Float32, Shape(N{images_}, K{classes_}), fill),
          .smoothing = smoothing_};
}

Tensor BatchInputs::main_labels(Pass& pass, const Target& target) {
  if (!mixing_.any()) return target.labels;
  const auto fill = [this, options = pass.options()](std::int64_t step, std::span<std::byte> bytes) {
    mixing_.fill_main_labels(mixed_part(options, step), labels_of(options), elements<std::int64_t>(bytes));
  };
  return pass.input(DType::Int64, Shape(N{images_}), fill);
}

}  // namespace cf::apps
