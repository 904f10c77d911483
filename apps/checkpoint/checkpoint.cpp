#include "apps/checkpoint/checkpoint.h"

#include <deque>
#include <nlohmann/json.hpp>

#include "apps/version.h"
#include "framework/parameters/interchange.h"

namespace cf::apps {

namespace {

constexpr int kFormatVersion = 1;

// Tensors in interchange layout, ready to be written. The copies live as long as this does.
class TensorList {
 public:
  void add(std::string name, const Tensor& tensor, Interchange interchange) {
    auto& bytes = copies_.emplace_back(tensor.size_bytes());
    to_interchange(tensor, interchange, bytes);
    sources_.push_back(
        {{std::move(name), tensor.dtype(), interchange_shape(tensor.shape(), interchange)}, bytes});
  }

  void add_model(const std::string& prefix, const ParameterStore& store, const Tensor& values,
                 const Tensor& running) {
    for (const Parameter* p : store.parameters())
      add(prefix + p->name, store.part(values, *p), p->interchange);
    for (const Statistic* s : store.statistics())
      add(prefix + s->name, store.part(running, *s), Interchange::Same);
  }

  std::span<const TensorSource> sources() const { return sources_; }

 private:
  std::deque<std::vector<std::byte>> copies_;
  std::vector<TensorSource> sources_;
};

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (const auto extent : shape) out += concat(out.size() > 1 ? "," : "", extent);
  return out + "]";
}

void load_tensor(const SafetensorsReader& file, const std::string& name, const Tensor& into,
                 Interchange interchange) {
  const auto expected = interchange_shape(into.shape(), interchange);
  const TensorEntry* entry = file.find(name);
  CF_CHECK_AS(ErrorKind::Checkpoint, entry != nullptr, file.path().string(), ": no tensor ", name, " ",
              shape_text(expected), "; the file is of another architecture");
  CF_CHECK_AS(ErrorKind::Checkpoint, entry->shape == expected, file.path().string(), ": ", name, " is ",
              shape_text(entry->shape), ", the configuration wants ", shape_text(expected),
              "; the file is of another architecture");
  CF_CHECK_AS(ErrorKind::Checkpoint, entry->dtype == into.dtype(), file.path().string(), ": ", name, " is ",
              name_of(entry->dtype), ", must be ", name_of(into.dtype()));
  std::vector<std::byte> bytes(into.size_bytes());
  file.read(name, bytes);
  from_interchange(bytes, interchange, into);
}

void load_parameters(const SafetensorsReader& file, const std::string& prefix, const ParameterStore& store,
                     const Tensor& bucket) {
  for (const Parameter* p : store.parameters()) {
    load_tensor(file, prefix + p->name, store.part(bucket, *p), p->interchange);
  }
}

void load_statistics(const SafetensorsReader& file, const std::string& prefix, const ParameterStore& store,
                     const Tensor& bucket) {
  for (const Statistic* s : store.statistics()) {
    load_tensor(file, prefix + s->name, store.part(bucket, *s), Interchange::Same);
  }
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

void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header,
                     const ParameterStore& store, const optim::Optimizer& optimizer) {
  TensorList tensors;
  tensors.add_model("model.", store, store.values(), store.running());
  if (optimizer.averages()) {
    tensors.add_model("ema.", store, optimizer.average_values(), optimizer.average_running());
  }
  for (const auto& [state, bucket] : optimizer.state()) {
    for (const Parameter* p : store.parameters()) {
      tensors.add(concat("optimizer.", state, ".", p->name), store.part(bucket, *p), p->interchange);
    }
  }

  Metadata metadata;
  put_int(metadata, "format_version", kFormatVersion);
  put_string(metadata, "build", header.build);
  put_string(metadata, "config", to_toml(header.config));
  put_json(metadata, "classes", header.classes);
  const TrainingProgress& progress = header.progress;
  put_int(metadata, "step", progress.step);
  put_int(metadata, "steps_per_epoch", progress.steps_per_epoch);
  put_int(metadata, "last_eval_step", progress.last_eval_step);
  put_double(metadata, "seconds", progress.seconds);
  put_double(metadata, "last_save_seconds", progress.last_save_seconds);
  put_double(metadata, "best_top1", progress.best_top1);
  put_double(metadata, "best_ema_top1", progress.best_ema_top1);
  put_double(metadata, "top1", header.top1);
  put_double(metadata, "ema_top1", header.ema_top1);
  write_safetensors(path, tensors.sources(), metadata, {.sync = SyncPolicy::Durable, .checksums = true});
}

CheckpointHeader read_header(const SafetensorsReader& file) {
  return in_context([&] { return file.path().string(); },
                    [&] {
                      const Metadata& metadata = file.metadata();
                      CF_CHECK_AS(ErrorKind::Checkpoint, metadata.contains("format_version"),
                                  "is no checkpoint of convfirst; `convfirst ckpt import` makes one of a "
                                  "safetensors file of weights");
                      const auto version = get_int(metadata, "format_version");
                      CF_CHECK_AS(ErrorKind::Checkpoint, version == kFormatVersion, "has format version ",
                                  version, ", this program reads ", kFormatVersion);
                      CheckpointHeader out;
                      out.config = from_toml_text(get_string(metadata, "config"), "its configuration");
                      out.classes = get_json(metadata, "classes").get<std::vector<std::string>>();
                      out.build = get_string(metadata, "build");
                      out.progress = {.step = get_int(metadata, "step"),
                                      .steps_per_epoch = get_int(metadata, "steps_per_epoch"),
                                      .seconds = get_double(metadata, "seconds"),
                                      .best_top1 = get_double(metadata, "best_top1"),
                                      .best_ema_top1 = get_double(metadata, "best_ema_top1"),
                                      .last_eval_step = get_int(metadata, "last_eval_step"),
                                      .last_save_seconds = get_double(metadata, "last_save_seconds")};
                      out.top1 = get_double(metadata, "top1");
                      out.ema_top1 = get_double(metadata, "ema_top1");
                      return out;
                    });
}

bool has_average(const SafetensorsReader& file) {
  return std::any_of(file.entries().begin(), file.entries().end(),
                     [](const TensorEntry& entry) { return entry.name.starts_with("ema."); });
}

void load_model(const SafetensorsReader& file, const ParameterStore& store, Weights weights) {
  const std::string prefix = weights == Weights::Average ? "ema." : "model.";
  load_parameters(file, prefix, store, store.values());
  load_statistics(file, prefix, store, store.running());
  check_no_more(file, prefix, store);
}

void load_optimizer(const SafetensorsReader& file, const ParameterStore& store, optim::Optimizer& optimizer) {
  for (const auto& [state, bucket] : optimizer.state()) {
    load_parameters(file, concat("optimizer.", state, "."), store, bucket);
  }
  if (optimizer.averages()) {
    load_parameters(file, "ema.", store, optimizer.average_values());
    load_statistics(file, "ema.", store, optimizer.average_running());
  }
}

void export_weights(const std::filesystem::path& path, const ParameterStore& store) {
  TensorList tensors;
  tensors.add_model("", store, store.values(), store.running());
  write_safetensors(path, tensors.sources());
}

}  // namespace cf::apps
