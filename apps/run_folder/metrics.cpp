#include "apps/run_folder/metrics.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/state/atomic_file.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

using Json = nlohmann::ordered_json;

// The members of each kind of row, listed once for writing and reading.
template <class Row, class Visit>
void members(Row& row, Visit&& visit) requires std::is_same_v<std::remove_const_t<Row>, TrainRow> {
  visit("step", row.step);
  visit("epoch", row.epoch);
  visit("seconds", row.seconds);
  visit("loss", row.loss);
  visit("top1", row.top1);
  visit("lr", row.lr);
  visit("grad_norm", row.grad_norm);
  visit("ranks", row.ranks);
  visit("img_per_s", row.img_per_s);
  visit("img_per_s_per_rank", row.img_per_s_per_rank);
  visit("data_wait", row.data_wait);
  visit("data_wait_rank", row.data_wait_rank);
  visit("communication", row.communication);
  visit("slowest_rank", row.slowest_rank);
  visit("slowest_cause", row.slowest_cause);
  visit("memory_bytes", row.memory_bytes);
}

template <class Row, class Visit>
void members(Row& row, Visit&& visit) requires std::is_same_v<std::remove_const_t<Row>, EvalRow> {
  visit("step", row.step);
  visit("epoch", row.epoch);
  visit("seconds", row.seconds);
  visit("images", row.images);
  visit("top1", row.top1);
  visit("top5", row.top5);
  visit("loss", row.loss);
  visit("ema_top1", row.ema_top1);
  visit("ema_top5", row.ema_top5);
  visit("ema_loss", row.ema_loss);
}

template <class Row>
constexpr const char* kKind = std::is_same_v<Row, TrainRow> ? "train" : "eval";

// What is not known is null; JSON has neither NaN nor infinity.
Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json json_of(std::int64_t value) { return value; }
Json json_of(const std::optional<std::int64_t>& value) { return value ? Json(*value) : Json(nullptr); }
Json json_of(const std::string& value) { return value.empty() ? Json(nullptr) : Json(value); }

template <class Value>
struct ValueIn {
  using type = Value;
};
template <class Value>
struct ValueIn<std::optional<Value>> {
  using type = Value;
};
template <class Member>
using ValueOf = typename ValueIn<std::remove_cvref_t<Member>>::type;

template <class Row>
Row row_from(const Json& json) {
  Row row;
  members(row, [&](const char* name, auto& value) {
    const auto found = json.find(name);
    if (found != json.end() && !found->is_null()) value = found->template get<ValueOf<decltype(value)>>();
  });
  return row;
}

// Runs `body`; what the JSON library throws becomes a Data error.
template <class Body>
auto parsing(const std::string& what, Body&& body) {
  try {
    return body();
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::Data, what, ": ", error.what());
  }
}

}  // namespace

std::int64_t step_of(const MetricsRow& row) {
  return std::visit([](const auto& r) { return r.step; }, row);
}

std::string to_json_line(const MetricsRow& row) {
  return std::visit(
      [](const auto& r) {
        Json json;
        json["kind"] = kKind<std::remove_cvref_t<decltype(r)>>;
        members(r, [&](const char* name, const auto& value) { json[name] = json_of(value); });
        return json.dump();
      },
      row);
}

MetricsRow metrics_row_from_json(const std::string& line) {
  return parsing("a row of metrics", [&]() -> MetricsRow {
    const Json json = Json::parse(line);
    const std::string kind = json.at("kind").get<std::string>();
    if (kind == kKind<TrainRow>) return row_from<TrainRow>(json);
    if (kind == kKind<EvalRow>) return row_from<EvalRow>(json);
    fail(ErrorKind::Data, "a row of metrics of kind \"", kind, "\"; known: train, eval");
  });
}

void write_evaluation_report(const std::string& path, const EvaluationReport& report) {
  Json json;
  json["top1"] = report.top1;
  json["top5"] = report.top5;
  json["loss"] = std::isfinite(report.loss) ? Json(report.loss) : Json(nullptr);
  json["images"] = report.images;
  json["checkpoint"] = report.checkpoint;
  json["weights"] = report.weights;
  json["classes"] = report.classes;
  json["confusion"] = report.confusion;
  // A class name that is not UTF-8 (a folder's name may be anything) is written with replacement characters.
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  write_atomically(path, text, SyncPolicy::Cached);
}

EvaluationReport read_evaluation_report(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  CF_CHECK_AS(ErrorKind::Data, file.good(), "cannot read ", path);
  EvaluationReport report = parsing(path, [&] {
    const Json json = Json::parse(file);
    EvaluationReport r;
    json.at("top1").get_to(r.top1);
    json.at("top5").get_to(r.top5);
    if (json.contains("loss") && !json["loss"].is_null()) json["loss"].get_to(r.loss);
    json.at("images").get_to(r.images);
    r.checkpoint = json.value("checkpoint", "");
    r.weights = json.value("weights", "");
    json.at("classes").get_to(r.classes);
    json.at("confusion").get_to(r.confusion);
    return r;
  });
  CF_CHECK_AS(ErrorKind::Data, report.confusion.size() == report.classes.size(), path, ": ",
              report.classes.size(), " classes but ", report.confusion.size(),
              " rows of the confusion matrix");
  for (const auto& row : report.confusion) {
    CF_CHECK_AS(ErrorKind::Data, row.size() == report.classes.size(), path, ": ", report.classes.size(),
                " classes but a row of ", row.size(), " in the confusion matrix");
  }
  return report;
}

}  // namespace cf::apps
