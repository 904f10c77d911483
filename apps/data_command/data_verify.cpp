// Reads and decodes every record of a data set.
#include <fmt/core.h>

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

int run_data_verify(const Command& command, const Arguments& arguments) {
  std::string path, split = "train";
  int workers = all_cores();
  bool partial = false;
  CommandLine line(command);
  line.positional("PATH", &path, "data set, as `convfirst data pack` takes it");
  line.option("split", &split, "train|val", "which part, where PATH holds both");
  line.option("workers", &workers, "N", "threads that read and decode, one per core");
  line.flag("partial", &partial, "a part of ImageNet is as good as the whole");
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, workers >= 1 && workers <= 1024, "--workers is ", workers,
              ", must be from 1 to 1024");

  const data::DatasetSource source = data::separate_labels({.path = path});
  const auto dataset = open_data(source, split_from(split));
  RecordProgress progress("verify", dataset->size());
  const auto bad = data::verify(*dataset, workers, progress.callback());
  progress.clear();
  for (const auto& record : bad) fmt::print("{}\n", record.message);
  CF_CHECK_AS(ErrorKind::Data, bad.empty(), bad.size(), " of ", dataset->size(), " records of ", path,
              " are bad");
  const std::string missing = data::missing_of_imagenet(*dataset, source.path);
  CF_CHECK_AS(ErrorKind::Data, partial || missing.empty(), missing, "; every image there is good");
  fmt::print("{}: all {} images of {} classes are good; {}\n", path, format_count(dataset->size()),
             format_count(static_cast<std::int64_t>(dataset->class_names().size())),
             format_duration(progress.seconds()));
  return 0;
}

}  // namespace cf::apps
