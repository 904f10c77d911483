// The configuration of a run. Defaults < extends < file < --set.
//
// The meaning of each key is in apps/config/config.cpp (docs/configuration.md is printed from there).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apps/config/duration.h"
#include "apps/config/field.h"
#include "layers/convfirst_net_spec.h"

namespace cf::apps {

struct DataConfig {
  std::string train;
  std::string val;
  ThreadCount threads;
  std::string shuffle = "full";
  std::string fit = "resize_crop";
  bool exif_orientation = false;
  std::string on_corrupt = "error";
  int corrupt_limit = 100;
  std::vector<double> mean;  // one per channel once resolved
  std::vector<double> std;
  void fields(FieldList& field);
};

struct TrainConfig {
  Duration duration = epochs(90);
  int batch = 256;
  int norm_batch = 0;  // once resolved: batch, or a divisor of it
  SizeSchedule size;
  int log_every = 10;
  void fields(FieldList& field);
};

struct AugmentConfig {
  NumberPair crop_scale = {0.08, 1.0};
  NumberPair crop_aspect = {0.75, 4.0 / 3.0};
  double flip = 0.5;
  int pad = 0;
  std::string filter = "bilinear";
  std::string randaugment;
  bool trivial_augment = false;
  std::vector<double> color_jitter;
  double grayscale = 0;
  double erase = 0;
  int repeats = 1;
  double mixup = 0;
  double cutmix = 0;
  double mixup_prob = 1;
  double mixup_switch_prob = 0.5;
  void fields(FieldList& field);
};

struct LossConfig {
  std::string kind = "cross_entropy";
  double smoothing = 0;
  void fields(FieldList& field);
};

struct OptimizerConfig {
  std::string kind = "sgd";
  double lr = 0.1;
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 5e-5;
  NumberPair betas = {0.9, 0.999};
  double eps = 1e-8;
  double alpha = 0.99;
  double clip_norm = 0;
  void fields(FieldList& field);
};

struct ScheduleConfig {
  std::string kind = "cosine";
  Duration warmup = epochs(0);
  double min_lr = 0;
  std::vector<Duration> boundaries;
  double factor = 0.1;
  void fields(FieldList& field);
};

struct ModelConfig : layers::ConvFirstNetSpec {
  std::string init;
  void fields(FieldList& field);
};

struct EmaConfig {
  double decay = 0;
  void fields(FieldList& field);
};

struct PrecisionConfig {
  std::string compute = "auto";
  bool tf32 = false;
  std::string wire = "float32";
  void fields(FieldList& field);
};

struct CheckpointConfig {
  Duration every = epochs(1);
  int keep_last = 2;
  int keep_best = 1;
  void fields(FieldList& field);
};

struct EvalConfig {
  Duration every = epochs(1);
  int size = 0;  // once resolved: pixels, the largest training size if the file says nothing
  double crop = 0.875;
  std::string resize = "bilinear";
  int batch = 0;  // once resolved: train.batch if the file says nothing
  void fields(FieldList& field);
};

struct Config {
  int version = 1;
  std::int64_t seed = 0;
  DataConfig data;
  TrainConfig train;
  AugmentConfig augment;
  LossConfig loss;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  ModelConfig model;
  EmaConfig ema;
  PrecisionConfig precision;
  CheckpointConfig checkpoint;
  EvalConfig eval;
};

// All keys in the order of the struct, pointing into `config`.
std::vector<Field> fields_of(Config& config);

// A configuration and where each value came from ("default", "FILE:LINE", "--set"), by key.
struct ResolvedConfig {
  Config config;
  std::map<std::string, std::string> origins;
};

// Reads the file (or, where there is none, the built-in configuration of that name), what it extends, and the
// settings "key=value"; fills in what depends on other keys and checks all. Errors are of kind Usage and say
// FILE:LINE, the key, what was given and what is allowed.
ResolvedConfig load_config(const std::string& path, const std::vector<std::string>& settings = {});

// The inverse of to_toml: a complete text without `extends`, such as a checkpoint holds.
Config from_toml_text(std::string_view text, const std::string& name = "configuration");

// The resolved configuration as a TOML file that gives the same configuration again.
std::string to_toml(const Config& config);

// The same with the origin of each value as a comment.
std::string to_toml_with_origins(const ResolvedConfig& resolved);

// One line "key: BEFORE -> AFTER" for each key whose values differ.
std::vector<std::string> diff(const Config& before, const Config& after);

// Every key with type, default and meaning, as a Markdown table: docs/configuration.md.
std::string keys_as_markdown();

}  // namespace cf::apps
