#include <algorithm>
#include <cstdio>

#include "apps/command.h"
#include "apps/config/nearest.h"
#include "apps/version.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

// All commands, or those whose names start with `prefix`.
void print_commands(std::FILE* out, std::string_view prefix = "") {
  std::fputs("convfirst: train, evaluate and look into ConvFirstNet\n\nCommands:\n", out);
  std::size_t width = 0;
  for (const Command& command : commands()) width = std::max(width, command.name.size());
  for (const Command& command : commands()) {
    if (!command.name.starts_with(prefix)) continue;
    std::string name(command.name);
    name.resize(width, ' ');
    std::fputs(concat("  ", name, "  ", command.summary, "\n").c_str(), out);
  }
  std::fputs(
      "\n`convfirst COMMAND --help` shows an example and the options; `convfirst --version` the build.\n",
      out);
}

const Command* find_command(std::string_view name) {
  const auto all = commands();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Command& c) { return c.name == name; });
  return found == all.end() ? nullptr : &*found;
}

// "info, verify" for the group "ckpt"; empty if there is no such group.
std::string members_of(std::string_view group) {
  std::string members;
  for (const Command& command : commands()) {
    if (command.name.starts_with(concat(group, " "))) {
      members += concat(members.empty() ? "" : ", ", command.name.substr(group.size() + 1));
    }
  }
  return members;
}

[[noreturn]] void fail_unknown(const Arguments& arguments) {
  std::string given = arguments[0];
  const std::string members = members_of(given);
  if (!members.empty()) {
    if (arguments.size() < 2 || arguments[1].starts_with('-')) {
      fail(ErrorKind::Usage, "convfirst ", given, " needs one of: ", members);
    }
    given += " " + arguments[1];
  }
  std::vector<std::string_view> names;
  for (const Command& command : commands()) names.push_back(command.name);
  const std::string suggestion = nearest(given, names);
  fail(ErrorKind::Usage, "unknown command '", given, "'; ",
       suggestion.empty() ? "`convfirst --help` lists all commands" : "did you mean '" + suggestion + "'?");
}

}  // namespace

int run_program(const Arguments& arguments) {
  if (arguments.empty()) {
    print_commands(stderr);
    return static_cast<int>(ErrorKind::Usage);
  }
  if (arguments[0] == "help" && arguments.size() > 1) {  // `help train` as `train --help`
    Arguments asked(arguments.begin() + 1, arguments.end());
    asked.emplace_back("--help");
    return run_program(asked);
  }
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    print_commands(stdout);
    return 0;
  }
  if (arguments[0] == "--version" || arguments[0] == "version") {
    std::fputs(concat("convfirst ", version(), " (", build_id(), ")\n").c_str(), stdout);
    return 0;
  }
  for (std::size_t words = std::min<std::size_t>(2, arguments.size()); words > 0; --words) {
    const std::string name = words == 2 ? arguments[0] + " " + arguments[1] : arguments[0];
    if (const Command* command = find_command(name)) {
      return command->run(*command,
                          Arguments(arguments.begin() + static_cast<std::ptrdiff_t>(words), arguments.end()));
    }
  }
  const bool asks_for_help = arguments.size() == 2 && (arguments[1] == "--help" || arguments[1] == "-h");
  if (asks_for_help && !members_of(arguments[0]).empty()) {
    print_commands(stdout, arguments[0] + " ");
    return 0;
  }
  fail_unknown(arguments);
}

}  // namespace cf::apps
