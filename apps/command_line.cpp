#include "apps/command_line.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdio>

#include "apps/config/nearest.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

namespace po = boost::program_options;

constexpr const char* kPositionals = "positional arguments";

struct SemanticOf {
  po::value_semantic* operator()(bool* target) const { return po::bool_switch(target); }
  template <class T>
  po::value_semantic* operator()(T* target) const {
    return po::value<T>(target);
  }
  po::value_semantic* operator()(std::optional<double>* target) const {
    return po::value<double>()->notifier([target](double value) { *target = value; });
  }
  po::value_semantic* operator()(std::vector<std::string>* target) const {
    return po::value<std::vector<std::string>>(target)->composing();
  }
};

// What a help text says about the value that a variable has when its option is not given; nothing of 0 and
// empty texts, which stand for something that the text itself explains.
struct DefaultText {
  std::string operator()(const int* value) const { return *value != 0 ? concat(" (", *value, ")") : ""; }
  std::string operator()(const double* value) const { return *value != 0 ? concat(" (", *value, ")") : ""; }
  std::string operator()(const std::string* value) const {
    return value->empty() ? "" : concat(" (", *value, ")");
  }
  std::string operator()(const std::optional<double>* value) const {
    return *value ? concat(" (", **value, ")") : "";
  }
  std::string operator()(const bool*) const { return ""; }
  std::string operator()(const std::vector<std::string>*) const { return ""; }
};

std::string default_text(const OptionTarget& target) { return std::visit(DefaultText{}, target); }

// Whether the command has --set KEY=VALUE.
template <class Options>
bool takes_settings(const Options& options) {
  return std::any_of(options.begin(), options.end(), [](const auto& option) { return option.name == "set"; });
}

std::string long_name(const std::string& name) { return name.substr(0, name.find(',')); }

}  // namespace

CommandLine& CommandLine::positional(const std::string& name, std::string* target, const std::string& help) {
  positionals_.push_back({name, help, target, true});
  return *this;
}

CommandLine& CommandLine::positional(const std::string& name, std::vector<std::string>* target,
                                     const std::string& help) {
  positionals_.push_back({name, help, target, true});
  return *this;
}

CommandLine& CommandLine::optional_positional(const std::string& name, std::string* target,
                                              const std::string& help) {
  positionals_.push_back({name, help, target, false});
  return *this;
}

CommandLine& CommandLine::option(const std::string& name, OptionTarget target, const std::string& argument,
                                 const std::string& help) {
  options_.push_back({name, argument, help + default_text(target), target});
  return *this;
}

CommandLine& CommandLine::flag(const std::string& name, bool* target, const std::string& help) {
  options_.push_back({name, "", help, target});
  return *this;
}

void CommandLine::fail_usage(const std::string& problem) const {
  fail(ErrorKind::Usage, "convfirst ", command_.name, ": ", problem, " (`convfirst ", command_.name,
       " --help` shows an example)");
}

void CommandLine::fail_unknown_option(const std::string& option) const {
  std::vector<std::string> names = {"--help"};
  for (const Option& known : options_) names.push_back("--" + long_name(known.name));
  const std::string suggestion = nearest(option, names);
  std::string advice;
  if (!suggestion.empty()) {
    advice = "; did you mean '" + suggestion + "'?";
  } else if (takes_settings(options_)) {
    advice = "; keys of the configuration are set by --set KEY=VALUE";
  }
  fail_usage(concat("unknown option '", option, "'", advice));
}

void CommandLine::assign_positionals(const Arguments& values) const {
  std::size_t next = 0;
  for (const Positional& positional : positionals_) {
    if (next == values.size()) {
      if (positional.required) fail_usage(positional.name + " is missing");
      return;
    }
    if (const auto* list = std::get_if<std::vector<std::string>*>(&positional.target)) {
      (*list)->assign(values.begin() + static_cast<std::ptrdiff_t>(next), values.end());
      return;
    }
    *std::get<std::string*>(positional.target) = values[next++];
  }
  if (next == values.size()) return;
  const bool is_setting = takes_settings(options_) && values[next].find('=') != std::string::npos;
  fail_usage(concat("unexpected argument '", values[next], "'",
                    is_setting ? "; did you mean --set " + values[next] + "?" : ""));
}

bool CommandLine::parse(const Arguments& arguments) const {
  po::options_description description;
  bool help_wanted = false;
  Arguments values;
  description.add_options()("help,h", po::bool_switch(&help_wanted));
  description.add_options()(kPositionals, po::value<Arguments>(&values));
  for (const Option& option : options_) {
    description.add_options()(option.name.c_str(), std::visit(SemanticOf{}, option.target));
  }
  po::positional_options_description positions;
  positions.add(kPositionals, -1);
  try {
    using Style = po::command_line_style::style_t;
    // Unlike the default style: an abbreviated option is an error, because a later option may make it
    // ambiguous.
    const int style = Style::unix_style & ~Style::allow_guessing;
    po::variables_map map;
    po::store(
        po::command_line_parser(arguments).options(description).positional(positions).style(style).run(),
        map);
    po::notify(map);
  } catch (const po::unknown_option& error) {
    fail_unknown_option(error.get_option_name());
  } catch (const po::error& error) {
    fail_usage(error.what());
  }
  if (help_wanted) {
    std::fputs(help().c_str(), stdout);
    return false;
  }
  assign_positionals(values);
  return true;
}

std::string CommandLine::help() const {
  std::string usage = concat("convfirst ", command_.name);
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Positional& positional : positionals_) {
    const bool list = std::holds_alternative<std::vector<std::string>*>(positional.target);
    const std::string name = positional.name + (list ? " ..." : "");
    usage += positional.required ? " " + name : " [" + name + "]";
    rows.emplace_back(positional.name, positional.help);
  }
  for (const Option& option : options_) {
    const auto comma = option.name.find(',');
    const std::string brief = comma == std::string::npos ? "" : "-" + option.name.substr(comma + 1) + ", ";
    const std::string argument = option.argument.empty() ? "" : " " + option.argument;
    rows.emplace_back(brief + "--" + long_name(option.name) + argument, option.help);
  }
  std::string out = concat("Example:  ", command_.example, "\n\n", command_.name, ": ", command_.summary,
                           "\nUsage: ", usage, options_.empty() ? "" : " [options]", "\n\n");
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row.first.size());
  for (const auto& [left, right] : rows) {
    out += "  " + left + std::string(width - left.size() + 2, ' ') + right + "\n";
  }
  return out;
}

}  // namespace cf::apps
