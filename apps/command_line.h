// The options of one subcommand, bound to variables.
//
//   CommandLine line(command);
//   line.positional("CONFIG", &config, "recipe");
//   line.option("out", &out, "FOLDER", "run folder");
//   line.flag("json", &json, "print JSON");
//   if (!line.parse(arguments)) return 0;      // --help was asked for and printed
//
// Variables keep their value where an option is not given. Boost.Program_options does the parsing.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "apps/command.h"

namespace cf::apps {

using OptionTarget =
    std::variant<bool*, std::string*, int*, double*, std::optional<double>*, std::vector<std::string>*>;

class CommandLine {
 public:
  explicit CommandLine(const Command& command) : command_(command) {}

  // Arguments without a dash, in order. A list takes all that are left (at least one) and comes last.
  CommandLine& positional(const std::string& name, std::string* target, const std::string& help);
  CommandLine& positional(const std::string& name, std::vector<std::string>* target, const std::string& help);
  // A positional argument that may be missing.
  CommandLine& optional_positional(const std::string& name, std::string* target, const std::string& help);

  // name: "out", or "out,o" with a short form. `argument` names the value in the help text. A list option may
  // be given several times. The help text adds the value that the variable has now, unless that is 0 or
  // empty.
  CommandLine& option(const std::string& name, OptionTarget target, const std::string& argument,
                      const std::string& help);
  CommandLine& flag(const std::string& name, bool* target, const std::string& help);

  // False: --help was given and its text printed. Wrong usage is an Error of kind Usage.
  bool parse(const Arguments& arguments) const;

  std::string help() const;

 private:
  struct Option {
    std::string name, argument, help;
    OptionTarget target;
  };
  struct Positional {
    std::string name, help;
    OptionTarget target;
    bool required;
  };

  void assign_positionals(const Arguments& values) const;
  [[noreturn]] void fail_unknown_option(const std::string& option) const;
  [[noreturn]] void fail_usage(const std::string& problem) const;

  const Command& command_;
  std::vector<Option> options_;
  std::vector<Positional> positionals_;
};

}  // namespace cf::apps
