// Any data set into one pack file.
#include <fmt/core.h>

#include <filesystem>
#include <string>

#include "apps/command_line.h"
#include "apps/console/format.h"
#include "apps/data_command/data_commands.h"
#include "apps/data_command/record_progress.h"
#include "apps/images/loader_options.h"
#include "apps/images/open_data.h"
#include "data/formats/imagenet_count.h"
#include "data/pack.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

struct Options {
  std::string path, out, split = "train";
  int shorter_side = 0, quality = 92, workers = all_cores();
  bool skip_bad = false, partial = false;
};

void add_options(CommandLine& line, Options& options) {
  line.positional("PATH", &options.path,
                  "data set: class folders, a tar archive, IDX or CIFAR files, IMAGES:LABELS, a pack");
  line.option("out,o", &options.out, "FILE.cfpack", "the pack; must not be there yet");
  line.option("split", &options.split, "train|val", "which part, where PATH holds both");
  line.option("shorter-side", &options.shorter_side, "N",
              "make images whose shorter side is longer than N pixels so small, as JPEG (0: none)");
  line.option("quality", &options.quality, "1..100", "of the JPEG images made smaller");
  line.option("workers", &options.workers, "N", "threads that read, decode and encode, one per core");
  line.flag("skip-bad", &options.skip_bad,
            "leave out and list records that cannot be read; else they end it");
  line.flag("partial", &options.partial, "pack a part of ImageNet, which is refused otherwise");
}

void check(const Options& options) {
  CF_CHECK_AS(ErrorKind::Usage, !options.out.empty(), "data pack needs --out FILE.cfpack");
  CF_CHECK_AS(ErrorKind::Usage, options.shorter_side >= 0, "--shorter-side ", options.shorter_side,
              "; allowed: a number of pixels, or 0 to keep all sizes");
  CF_CHECK_AS(ErrorKind::Usage, options.quality >= 1 && options.quality <= 100, "--quality ", options.quality,
              "; allowed: 1 to 100");
  CF_CHECK_AS(ErrorKind::Usage, options.workers >= 1 && options.workers <= 1024, "--workers is ",
              options.workers, ", must be from 1 to 1024");
  CF_CHECK_AS(ErrorKind::Usage, !std::filesystem::exists(options.out), options.out,
              " is there already; remove it or give another name");
}

void print_result(const Options& options, const data::Dataset& dataset, const data::PackResult& result,
                  double seconds) {
  for (const auto& record : result.skipped) fmt::print(stderr, "left out: {}\n", record.message);
  std::string more;
  if (result.resized > 0) more += fmt::format(", {} made smaller", format_count(result.resized));
  if (!result.skipped.empty()) {
    more += fmt::format(", {} left out", format_count(static_cast<std::int64_t>(result.skipped.size())));
  }
  fmt::print("{}: {} images of {} classes, {}{}; {}, {}\n", options.out, format_count(result.records),
             format_count(static_cast<std::int64_t>(dataset.class_names().size())),
             format_bytes(static_cast<double>(result.bytes)), more, format_duration(seconds),
             rate_text(result.records, result.bytes, seconds));
}

}  // namespace

int run_data_pack(const Command& command, const Arguments& arguments) {
  Options options;
  CommandLine line(command);
  add_options(line, options);
  if (!line.parse(arguments)) return 0;
  check(options);
  const data::DatasetSource source = data::separate_labels({.path = options.path});
  fmt::print(stderr, "looking for images in {}\n", source.path);  // minutes, in a cold archive of a million
  const auto dataset = open_data(source, split_from(options.split));
  const std::string missing = data::missing_of_imagenet(*dataset, source.path);
  CF_CHECK_AS(ErrorKind::Data, options.partial || missing.empty(), missing,
              "; --partial packs it all the same");
  fmt::print(stderr, "packing {} images of {} classes into {}\n", format_count(dataset->size()),
             format_count(static_cast<std::int64_t>(dataset->class_names().size())), options.out);
  RecordProgress progress("pack", dataset->size());
  const data::PackResult result = data::pack(*dataset, options.out,
                                             {.shorter_side = options.shorter_side,
                                              .quality = options.quality,
                                              .threads = options.workers,
                                              .skip_bad = options.skip_bad,
                                              .source = source.path,
                                              .on_progress = progress.callback()});
  progress.clear();
  print_result(options, *dataset, result, progress.seconds());
  return 0;
}

}  // namespace cf::apps
