#include <array>

#include "apps/command.h"
#include "apps/plot/plot.h"

namespace cf::apps {

std::span<const Command> commands() {
  static constexpr auto kCommands = std::to_array<Command>({
      {"plot", "curves, confusion matrix and worst classes of a run as one HTML file",
       "convfirst plot runs/fashion -o report.html", run_plot},
  });
  return kCommands;
}

}  // namespace cf::apps
