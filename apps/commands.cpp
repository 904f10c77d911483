#include "apps/command.h"

#include <array>

namespace cf::apps {

std::span<const Command> commands() {
  static constexpr std::array<Command, 0> kCommands = {};
  return kCommands;
}

}  // namespace cf::apps
