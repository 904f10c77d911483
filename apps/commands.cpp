#include <array>

#include "apps/command.h"
#include "apps/data_command/data_commands.h"
#include "apps/doctor/doctor.h"
#include "apps/plot/plot.h"

namespace cf::apps {

std::span<const Command> commands() {
  static constexpr auto kCommands = std::to_array<Command>({
      {"data info", "classes, sizes, colours, mean and deviation of a data set",
       "convfirst data info /usr/share/datasets/fashion-mnist --stats", run_data_info},
      {"data preview", "augmented images as the network sees them, as one picture",
       "convfirst data preview fashion_mnist.toml -o preview.png", run_data_preview},
      {"plot", "curves, confusion matrix and worst classes of a run as one HTML file",
       "convfirst plot runs/fashion -o report.html", run_plot},
      {"doctor", "what this machine offers, what is wrong and what to do", "convfirst doctor", run_doctor},
  });
  return kCommands;
}

}  // namespace cf::apps
