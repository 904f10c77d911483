// The subcommands of `convfirst`.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cf::apps {

using Arguments = std::vector<std::string>;

struct Command {
  std::string_view name;     // "train", or two words: "data info"
  std::string_view summary;  // one line in `convfirst --help`
  std::string_view example;  // a complete command line; the first thing in `convfirst NAME --help`
  int (*run)(const Command& command, const Arguments& arguments);  // returns the exit code
};

// All commands, in the order of the help text (apps/commands.cpp).
std::span<const Command> commands();

// Runs the command that `arguments` (without the program's name) start with; exit code. Errors are thrown.
int run_program(const Arguments& arguments);

}  // namespace cf::apps
