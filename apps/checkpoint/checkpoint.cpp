#include "apps/checkpoint/checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/checkpoint/tensor_reading.h"
#include "framework/parameters/interchange.h"

namespace cf::apps {

namespace {

constexpr int kFormatVersion = 1;

void load_parameters(const SafetensorsReader& file, const std::string& prefix, const ParameterStore& store,
                     const Tensor& bucket) {
  for (const Parameter* p : store.parameters()) {
    read_tensor(store.executor(), file, prefix + p->name, store.part(bucket, *p), p->interchange);
  }
}

void load_statistics(const SafetensorsReader& file, const std::string& prefix, const ParameterStore& store,
                     const Tensor& bucket) {
  for (const Statistic* s : store.statistics()) {
    read_tensor(store.executor(), file, prefix + s->name, store.part(bucket, *s), Interchange::Same);
  }
}

void put_interval(Metadata& metadata, const IntervalSums& sums) {
  put_int(metadata, "interval_steps", sums.steps);
  put_double(metadata, "interval_loss", sums.loss);
  put_double(metadata, "interval_correct", sums.correct);
  put_double(metadata, "interval_gradient_norm", sums.gradient_norm);
  put_double(metadata, "interval_seconds", sums.seconds);
}

IntervalSums get_interval(const Metadata& metadata) {
  return {.steps = get_int(metadata, "interval_steps"),
          .loss = get_double(metadata, "interval_loss"),
          .correct = get_double(metadata, "interval_correct"),
          .gradient_norm = get_double(metadata, "interval_gradient_norm"),
          .seconds = get_double(metadata, "interval_seconds")};
}

void put_loss_scale(Metadata& metadata, const kernels::StepState& state) {
  put_double(metadata, "loss_scale", static_cast<double>(state.loss_scale));
  put_double(metadata, "loss_scale_good_steps", static_cast<double>(state.good_steps));
  put_double(metadata, "loss_scale_left_out", static_cast<double>(state.left_out));
}

kernels::StepState get_loss_scale(const Metadata& metadata) {
  return {.loss_scale = static_cast<float>(get_double(metadata, "loss_scale")),
          .good_steps = static_cast<float>(get_double(metadata, "loss_scale_good_steps")),
          .left_out = static_cast<float>(get_double(metadata, "loss_scale_left_out"))};
}

bool has_tensors(const SafetensorsReader& file, std::string_view prefix) {
  return std::any_of(file.entries().begin(), file.entries().end(),
                     [&](const TensorEntry& entry) { return entry.name.starts_with(prefix); });
}

// A deeper network in the file than in the configuration would otherwise go unnoticed.
void check_no_more(const SafetensorsReader& file, const std::string& prefix, const ParameterStore& store) {
  std::size_t wanted = store.parameters().size() + store.statistics().size();
  for (const auto& entry : file.entries()) {
    if (!entry.name.starts_with(prefix)) continue;
    const auto is_named = [&](const auto* handle) {
      return handle->name == std::string_view(entry.name).substr(prefix.size());
    };
    const bool known = std::any_of(store.parameters().begin(), store.parameters().end(), is_named) ||
                       std::any_of(store.statistics().begin(), store.statistics().end(), is_named);
    CF_CHECK_AS(ErrorKind::Checkpoint, known, file.path().string(), ": ", entry.name, " ",
                shape_text(entry.shape),
                " is not in the configured network; the file is of another architecture");
    --wanted;
  }
  CF_CHECK(wanted == 0, wanted, " tensors of the network were not found");
}

}  // namespace

CheckpointContents::CheckpointContents(const CheckpointHeader& header, const ParameterStore& store,
                                       const optim::Optimizer* optimizer) {
  capture(header, store, optimizer);
}

CheckpointContents::CheckpointContents(const ParameterStore& store) {
  add_model("", store, store.values(), store.running());
}

void CheckpointContents::capture(const CheckpointHeader& header, const ParameterStore& store,
                                 const optim::Optimizer* optimizer) {
  tensors_.clear();
  metadata_.clear();
  add_model("model.", store, store.values(), store.running());
  if (optimizer && optimizer->averages()) {
    add_model("ema.", store, optimizer->average_values(), optimizer->average_running());
  }
  if (optimizer) {
    for (const auto& [state, bucket] : optimizer->state()) {
      for (const Parameter* p : store.parameters()) {
        add(concat("optimizer.", state, ".", p->name), store.executor(), store.part(bucket, *p),
            p->interchange);
      }
    }
  }
  if (optimizer && optimizer->scales_loss()) put_loss_scale(metadata_, optimizer->read_step_state());
  put_int(metadata_, "format_version", kFormatVersion);
  put_string(metadata_, "build", header.build);
  put_string(metadata_, "config", to_toml(header.config));
  if (!header.gemm_algorithms.empty()) put_string(metadata_, "gemm_algorithms", header.gemm_algorithms);
  put_json(metadata_, "classes", header.classes);
  const TrainingProgress& progress = header.progress;
  put_int(metadata_, "step", progress.step);
  put_int(metadata_, "steps_per_epoch", progress.steps_per_epoch);
  put_double(metadata_, "seconds", progress.seconds);
  put_double(metadata_, "best_top1", progress.best_top1);
  put_double(metadata_, "best_ema_top1", progress.best_ema_top1);
  put_interval(metadata_, progress.interval);
}

void CheckpointContents::add(std::string name, Executor& executor, const Tensor& tensor,
                             Interchange interchange) {
  if (tensors_.size() == bytes_.size()) bytes_.emplace_back();
  auto& bytes = bytes_[tensors_.size()];
  bytes.resize(tensor.size_bytes());
  to_interchange(executor.to_host(tensor), interchange, bytes);
  tensors_.push_back(
      {{std::move(name), tensor.dtype(), interchange_shape(tensor.shape(), interchange)}, bytes});
}

void CheckpointContents::add_model(const std::string& prefix, const ParameterStore& store,
                                   const Tensor& values, const Tensor& running) {
  for (const Parameter* p : store.parameters())
    add(prefix + p->name, store.executor(), store.part(values, *p), p->interchange);
  for (const Statistic* s : store.statistics())
    add(prefix + s->name, store.executor(), store.part(running, *s), Interchange::Same);
}

CheckpointHeader read_header(const SafetensorsReader& file) {
  return in_context([&] { return file.path().string(); },
                    [&] {
                      const Metadata& metadata = file.metadata();
                      CF_CHECK_AS(ErrorKind::Checkpoint, metadata.contains("format_version"),
                                  "is no checkpoint of convfirst; `convfirst ckpt import` makes one of a "
                                  "safetensors file of weights");
                      CF_CHECK_AS(ErrorKind::Checkpoint, file.has_checksums(),
                                  "is damaged: its checksums are not there");
                      const auto version = get_int(metadata, "format_version");
                      CF_CHECK_AS(ErrorKind::Checkpoint, version == kFormatVersion, "has format version ",
                                  version, ", this program reads ", kFormatVersion);
                      CheckpointHeader out;
                      out.config = from_toml_text(get_string(metadata, "config"), "its configuration");
                      out.classes = get_json(metadata, "classes").get<std::vector<std::string>>();
                      out.build = get_string(metadata, "build");
                      if (metadata.contains("gemm_algorithms")) {
                        out.gemm_algorithms = get_string(metadata, "gemm_algorithms");
                      }
                      out.progress = {.step = get_int(metadata, "step"),
                                      .steps_per_epoch = get_int(metadata, "steps_per_epoch"),
                                      .seconds = get_double(metadata, "seconds"),
                                      .best_top1 = get_double(metadata, "best_top1"),
                                      .best_ema_top1 = get_double(metadata, "best_ema_top1"),
                                      .interval = get_interval(metadata)};
                      return out;
                    });
}

bool has_average(const SafetensorsReader& file) { return has_tensors(file, "ema."); }

void load_model(const SafetensorsReader& file, const ParameterStore& store, Weights weights) {
  const std::string prefix = weights == Weights::Average ? "ema." : "model.";
  load_parameters(file, prefix, store, store.values());
  load_statistics(file, prefix, store, store.running());
  check_no_more(file, prefix, store);
}

std::vector<std::string> load_optimizer(const SafetensorsReader& file, const ParameterStore& store,
                                        optim::Optimizer& optimizer, MissingState missing) {
  std::vector<std::string> started;
  const auto starts_anew = [&](const std::string& prefix) {
    return missing == MissingState::StartsAnew && !has_tensors(file, prefix);
  };
  for (const auto& [state, bucket] : optimizer.state()) {
    const std::string prefix = concat("optimizer.", state, ".");
    if (starts_anew(prefix)) {
      started.push_back(concat("optimizer.", state, " starts anew: the checkpoint has none"));
    } else {
      load_parameters(file, prefix, store, bucket);
    }
  }
  if (optimizer.scales_loss()) {
    if (missing == MissingState::StartsAnew && !file.metadata().contains("loss_scale")) {
      started.emplace_back("the loss scale starts anew: the checkpoint has none");
    } else {
      optimizer.write_step_state(get_loss_scale(file.metadata()));
    }
  }
  if (!optimizer.averages()) return started;
  if (starts_anew("ema.")) {
    optimizer.start_average();
    started.emplace_back("the average starts anew: the checkpoint has none");
  } else {
    load_parameters(file, "ema.", store, optimizer.average_values());
    load_statistics(file, "ema.", store, optimizer.average_running());
  }
  return started;
}

}  // namespace cf::apps
