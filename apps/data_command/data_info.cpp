#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/console/json_text.h"
#include "apps/data_command/data_commands.h"
#include "apps/images/loader_options.h"
#include "apps/images/open_data.h"
#include "data/formats/imagenet_classes.h"
#include "data/statistics.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

using data::DatasetStatistics;

struct InfoOptions {
  std::string path, split = "train";
  int threads = all_cores();
  int limit = 0;
  bool stats = false, json = false;
};

nlohmann::ordered_json json_of(const InfoOptions& options, const data::Dataset& dataset,
                               const DatasetStatistics& statistics) {
  nlohmann::ordered_json json;
  json["path"] = options.path;
  json["split"] = options.split;
  json["samples"] = dataset.size();
  json["channels"] = dataset.channels();
  json["examined"] = statistics.images;
  json["bytes"] = statistics.bytes;
  json["encodings"] = statistics.encodings;
  json["colours"] = statistics.colours;
  for (const auto& [size, images] : statistics.sizes) {
    json["sizes"].push_back({{"height", size.first}, {"width", size.second}, {"images", images}});
  }
  for (std::size_t i = 0; i < dataset.class_names().size(); ++i) {
    const std::string& name = dataset.class_names()[i];
    json["classes"].push_back(
        {{"name", name}, {"words", data::readable_class_name(name)}, {"samples", statistics.per_class[i]}});
  }
  if (statistics.has_moments) {
    const auto channels = static_cast<std::size_t>(dataset.channels());
    for (std::size_t c = 0; c < channels; ++c) {
      json["mean"].push_back(statistics.mean[c]);
      json["std"].push_back(statistics.deviation[c]);
    }
  }
  return json;
}

std::string counts_text(const std::map<std::string, std::int64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, format_count(count));
  }
  return text;
}

// The most frequent sizes first: "28x28 60,000".
std::string sizes_text(const DatasetStatistics& statistics) {
  constexpr std::size_t kMostSizes = 4;
  std::vector<std::pair<std::pair<int, int>, std::int64_t>> sizes(statistics.sizes.begin(),
                                                                  statistics.sizes.end());
  std::stable_sort(sizes.begin(), sizes.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (std::size_t i = 0; i < std::min(kMostSizes, sizes.size()); ++i) {
    text += fmt::format("{}{}x{} {}", i ? ", " : "", sizes[i].first.second, sizes[i].first.first,
                        format_count(sizes[i].second));
  }
  if (sizes.size() > kMostSizes)
    text += fmt::format(", and {} other sizes",
                        format_count(static_cast<std::int64_t>(sizes.size() - kMostSizes)));
  return text;
}

std::string sides_text(const DatasetStatistics& statistics) {
  std::string text;
  for (const auto& [side, images] : data::histogram_of_sides(statistics)) {
    text += fmt::format("{}{}-{} {}", text.empty() ? "" : ", ", side, 2 * side - 1, format_count(images));
  }
  return text;
}

// As the configuration takes it: "[0.4850, 0.4560, 0.4060]".
std::string moments_text(const std::array<double, 3>& values, int channels) {
  std::string text;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    text += fmt::format("{}{:.4f}", c ? ", " : "", values[c]);
  }
  return "[" + text + "]";
}

void print_classes(const data::Dataset& dataset, const DatasetStatistics& statistics) {
  constexpr std::size_t kBarWidth = 40, kMostClasses = 40;
  const auto& names = dataset.class_names();
  const std::size_t shown = names.size() <= kMostClasses ? names.size() : kMostClasses / 2;
  std::size_t width = 5;
  const auto title_of = [&](std::size_t i) {
    const std::string_view words = data::readable_class_name(names[i]);
    return words == names[i] ? names[i] : fmt::format("{} {}", names[i], words);
  };
  for (std::size_t i = 0; i < shown; ++i) width = std::max(width, title_of(i).size());
  const auto most = *std::max_element(statistics.per_class.begin(), statistics.per_class.end());
  fmt::print("\n  {:<{}}  {:>10}\n", "class", width, "images");
  for (std::size_t i = 0; i < shown; ++i) {
    const auto count = statistics.per_class[i];
    const auto bar =
        most > 0 ? static_cast<std::size_t>(count) * kBarWidth / static_cast<std::size_t>(most) : 0;
    fmt::print("  {:<{}}  {:>10}  {}\n", title_of(i), width, format_count(count), std::string(bar, '#'));
  }
  if (shown < names.size()) {
    fmt::print("  and {} other classes (--json lists all)\n",
               format_count(static_cast<std::int64_t>(names.size() - shown)));
  }
}

void print_text(const InfoOptions& options, const data::Dataset& dataset,
                const DatasetStatistics& statistics) {
  const auto row = [](const char* name, const std::string& text) { fmt::print("  {:<16}{}\n", name, text); };
  fmt::print("{} ({})\n", options.path, options.split);
  row("images", fmt::format("{} in {} classes, {} channel{}", format_count(dataset.size()),
                            format_count(static_cast<std::int64_t>(dataset.class_names().size())),
                            dataset.channels(), dataset.channels() == 1 ? "" : "s"));
  if (statistics.images < dataset.size())
    row("examined", format_count(statistics.images) + ", spread evenly");
  row("stored", fmt::format("{}, {}", counts_text(statistics.encodings),
                            format_bytes(static_cast<double>(statistics.bytes))));
  row("colours", counts_text(statistics.colours));
  row("width x height", sizes_text(statistics));
  row("shorter side", sides_text(statistics));
  if (statistics.has_moments) {
    row("mean", moments_text(statistics.mean, dataset.channels()));
    row("std", moments_text(statistics.deviation, dataset.channels()));
  }
  const auto [least, most] = std::minmax_element(statistics.per_class.begin(), statistics.per_class.end());
  row("per class", *least == *most ? format_count(*least)
                                   : fmt::format("{} to {}", format_count(*least), format_count(*most)));
  print_classes(dataset, statistics);
}

}  // namespace

int run_data_info(const Command& command, const Arguments& arguments) {
  InfoOptions options;
  CommandLine line(command);
  line.positional(
      "PATH", &options.path,
      "a pack, class folders, a tar archive, IDX or CIFAR files, IMAGES:LABELS, synthetic:KEY=N,...");
  line.option("split", &options.split, "NAME", "train or val, where PATH holds both");
  line.flag("stats", &options.stats, "decode the images for mean and standard deviation");
  line.option("limit", &options.limit, "N", "look at N images, spread evenly (all)");
  line.option("threads", &options.threads, "N", "threads, one per core");
  line.flag("json", &options.json, "print JSON");
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, options.limit >= 0, "--limit ", options.limit, "; allowed: 0 (all) or more");
  CF_CHECK_AS(ErrorKind::Usage, options.threads >= 1 && options.threads <= 1024, "--threads is ",
              options.threads, ", must be from 1 to 1024");

  const auto dataset = open_data({.path = options.path}, split_from(options.split));
  const auto statistics =
      data::measure(*dataset, {.threads = options.threads, .limit = options.limit, .moments = options.stats});
  if (options.json) {
    fmt::print("{}\n", json_text(json_of(options, *dataset, statistics), 2));
  } else {
    print_text(options, *dataset, statistics);
  }
  return 0;
}

}  // namespace cf::apps
