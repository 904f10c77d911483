#include <fmt/core.h>

#include <string>
#include <vector>

#include "apps/command_line.h"
#include "apps/data_command/data_commands.h"
#include "apps/data_command/preview_batch.h"
#include "apps/images/config_of_data.h"
#include "apps/images/loader_options.h"
#include "apps/images/open_data.h"
#include "data/files.h"
#include "data/preview.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

struct PreviewOptions {
  std::string source, out = "preview.png", split = "train";
  std::vector<std::string> settings;
  int count = 64, columns = 8, epoch = 0;
  bool unmixed = false;
};

}  // namespace

int run_data_preview(const Command& command, const Arguments& arguments) {
  PreviewOptions options;
  CommandLine line(command);
  line.positional("CONFIG|PATH", &options.source,
                  "a recipe, or a data set as `convfirst data info` takes it");
  line.option("out,o", &options.out, "FILE", "the picture");
  line.option("split", &options.split, "NAME", "train: augmented and mixed; val: as evaluation sees them");
  line.option("count", &options.count, "N", "images");
  line.option("columns", &options.columns, "N", "images in a row");
  line.option("epoch", &options.epoch, "N", "the epoch whose first images are shown");
  line.flag("unmixed", &options.unmixed, "without augment.mixup and augment.cutmix");
  line.option("set", &options.settings, "KEY=VALUE",
              "overrides a key of the recipe; may be given several times");
  if (!line.parse(arguments)) return 0;
  CF_CHECK_AS(ErrorKind::Usage, options.count >= 1 && options.columns >= 1 && options.epoch >= 0, "--count ",
              options.count, " --columns ", options.columns, " --epoch ", options.epoch,
              "; allowed: at least 1, 1, 0");
  CF_CHECK_AS(ErrorKind::Usage, options.out.ends_with(".png") || !data::has_image_extension(options.out),
              "--out is '", options.out, "', and the picture is a PNG; give a name that ends in .png");
  const data::Split split = split_from(options.split);
  const Config config = config_of_data(options.source, options.settings);
  const std::string& path = split == data::Split::Train ? config.data.train : config.data.val;
  CF_CHECK_AS(ErrorKind::Usage, !path.empty(), options.source, " does not set data.", options.split);
  const auto dataset = open_data({path, config.model.channels}, split);

  const data::Batch batch =
      split == data::Split::Train
          ? training_preview(*dataset, config,
                             {.count = options.count, .epoch = options.epoch, .mixes = !options.unmixed})
          : evaluation_preview(*dataset, config, options.count);
  data::write_png(options.out, data::grid_of(batch, options.columns));
  fmt::print("{}\n", options.out);
  return 0;
}

}  // namespace cf::apps
