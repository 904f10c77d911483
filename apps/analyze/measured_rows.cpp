#include "apps/analyze/measured_rows.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kernels/base/check.h"

namespace cf::apps {

namespace {

using nlohmann::json;

// One row, for messages: "rows.json, row 2".
struct Source {
  const json& row;
  std::string where;

  const json* find(const char* key) const {
    const auto found = row.find(key);
    return found == row.end() ? nullptr : &*found;
  }

  double positive(const char* key) const {
    const json* value = find(key);
    CF_CHECK_AS(ErrorKind::Data, value != nullptr, where, " has no key '", key, "'");
    return checked(key, *value);
  }
  int whole(const char* key) const {
    constexpr double kMost = 1e9;
    const double value = positive(key);
    CF_CHECK_AS(ErrorKind::Data, value <= kMost && value == std::floor(value), where, ": '", key, "' is ",
                value, ", must be a whole number up to ", kMost);
    return static_cast<int>(value);
  }

  std::string text(const char* key, const std::string& otherwise) const {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    CF_CHECK_AS(ErrorKind::Data, value->is_string(), where, ": '", key, "' is ", value->dump(),
                ", must be a text");
    return value->get<std::string>();
  }

  std::optional<double> share(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return std::nullopt;
    const double number = value->is_number() ? value->get<double>() : -1;
    CF_CHECK_AS(ErrorKind::Data, number >= 0 && number <= 1, where, ": '", key, "' is ", value->dump(),
                ", must be a share from 0 to 1");
    return number;
  }

  double checked(const char* key, const json& value) const {
    CF_CHECK_AS(ErrorKind::Data, value.is_number() && value.get<double>() > 0, where, ": '", key, "' is ",
                value.dump(), ", must be a positive number");
    return value.get<double>();
  }
};

double seconds_of(const Source& source) {
  const json* value = source.find("seconds");
  CF_CHECK_AS(ErrorKind::Data, value != nullptr, source.where, " has no key 'seconds'");
  if (!value->is_object()) return source.checked("seconds", *value);
  const auto median = value->find("median");
  CF_CHECK_AS(ErrorKind::Data, median != value->end(), source.where, " has no key 'seconds.median'");
  return source.checked("seconds.median", *median);
}

MeasuredRow bench_row(const Source& source, const std::string& file) {
  MeasuredRow row{.file = file,
                  .label = source.text("label", ""),
                  .model = source.text("model", ""),
                  .bench = source.text("bench", "infer"),
                  .device = source.text("device", ""),
                  .precision = source.text("precision", ""),
                  .how = source.text("how", ""),
                  .batch = source.whole("batch"),
                  .size = source.find("size") ? source.whole("size") : 0,
                  .seconds = seconds_of(source),
                  .macs_of_image = source.positive("macs_per_image"),
                  .top1 = source.share("top1")};
  CF_CHECK_AS(ErrorKind::Data, row.bench == "infer" || row.bench == "train", source.where, ": 'bench' is '",
              row.bench, "', must be infer or train");
  CF_CHECK_AS(ErrorKind::Data, !row.model.empty(), source.where, " has no key 'model'");
  return row;
}

// All objects of a file, those in arrays too.
std::vector<json> objects_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  CF_CHECK_AS(ErrorKind::Data, stream.is_open() && !std::filesystem::is_directory(file), "cannot open ",
              file);
  std::vector<json> objects;
  try {
    while (!(stream >> std::ws).eof()) {
      json value;
      stream >> value;
      if (!value.is_array()) value = json::array({std::move(value)});
      for (json& object : value) objects.push_back(std::move(object));
    }
  } catch (const json::exception& error) {
    fail(ErrorKind::Data, file, " is not JSON behind value ", objects.size(), ": ", error.what());
  }
  return objects;
}

void add_accuracy(const Source& source, std::vector<MeasuredRow>& rows) {
  const std::optional<double> top1 = source.share("top1");
  CF_CHECK_AS(ErrorKind::Data, top1.has_value(), source.where, " has no key 'top1'");
  const int size = source.whole("size");
  bool used = false;
  for (MeasuredRow& row : rows) {
    if (row.size != size) continue;
    row.top1 = top1;
    used = true;
  }
  CF_CHECK_AS(ErrorKind::Data, used, source.where, " is an evaluation at size ", size,
              ", of which the file has no bench row");
}

}  // namespace

std::vector<MeasuredRow> read_measured_rows(const std::string& file) {
  const std::vector<json> objects = objects_of(file);
  std::vector<MeasuredRow> rows;
  std::vector<Source> evaluations;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const Source source{objects[i], concat(file, ", row ", i + 1)};
    CF_CHECK_AS(ErrorKind::Data, objects[i].is_object(), source.where, " is ", objects[i].type_name(),
                ", must be an object");
    if (source.find("checkpoint") != nullptr) {
      evaluations.push_back(source);
    } else {
      rows.push_back(bench_row(source, file));
    }
  }
  CF_CHECK_AS(ErrorKind::Data, !rows.empty(), file, " holds no row of `bench infer --json`");
  for (const Source& evaluation : evaluations) add_accuracy(evaluation, rows);
  const std::string stem = std::filesystem::path(file).stem().string();
  for (MeasuredRow& row : rows) {
    if (row.label.empty()) row.label = rows.size() == 1 ? stem : concat(stem, " batch ", row.batch);
  }
  return rows;
}

}  // namespace cf::apps
