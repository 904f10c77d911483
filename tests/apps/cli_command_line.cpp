#include <gtest/gtest.h>

#include <optional>

#include "apps/command.h"
#include "apps/command_line.h"
#include "kernels/base/check.h"

namespace cf::apps {
namespace {

constexpr Command kCommand{"bake", "bake bread", "convfirst bake rye --time 40", nullptr};

struct Bread {
  std::string flour, form = "round";
  std::vector<std::string> seeds;
  int minutes = 30;
  double heat = 1;
  bool crust = false;

  // The error's message, or "" if parsing succeeded.
  std::string parse(const Arguments& arguments) {
    CommandLine line(kCommand);
    line.positional("FLOUR", &flour, "kind of flour").optional_positional("FORM", &form, "shape");
    line.option("time,t", &minutes, "MINUTES", "in the oven").option("heat", &heat, "X", "relative");
    line.option("seed", &seeds, "NAME", "on top").flag("crust", &crust, "hard");
    try {
      line.parse(arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      return error.what();
    }
    return "";
  }
};

const std::string kHint = " (`convfirst bake --help` shows an example)";

TEST(CommandLine, FillsVariables) {
  Bread bread;
  EXPECT_EQ(bread.parse({"rye", "--time", "40", "--seed=poppy", "--seed", "a=b", "long", "--crust", "--heat",
                         "-1.5"}),
            "");
  EXPECT_EQ(bread.flour, "rye");
  EXPECT_EQ(bread.form, "long");
  EXPECT_EQ(bread.minutes, 40);
  EXPECT_EQ(bread.heat, -1.5);
  EXPECT_EQ(bread.seeds, (std::vector<std::string>{"poppy", "a=b"}));
  EXPECT_TRUE(bread.crust);
}

TEST(CommandLine, KeepsWhatIsNotGiven) {
  Bread bread;
  EXPECT_EQ(bread.parse({"rye", "-t", "5"}), "");
  EXPECT_EQ(bread.minutes, 5);
  EXPECT_EQ(bread.form, "round");
  EXPECT_EQ(bread.heat, 1);
  EXPECT_FALSE(bread.crust);
}

TEST(CommandLine, TellsZeroFromNotGiven) {
  std::optional<double> given, missing;
  CommandLine line(kCommand);
  line.option("given", &given, "X", "a number").option("missing", &missing, "X", "another");
  EXPECT_TRUE(line.parse({"--given", "0"}));
  EXPECT_EQ(given, 0.0);
  EXPECT_EQ(missing, std::nullopt);
}

TEST(CommandLine, Mistakes) {
  Bread bread;
  EXPECT_EQ(bread.parse({}), "convfirst bake: FLOUR is missing" + kHint);
  EXPECT_EQ(bread.parse({"rye", "long", "more"}), "convfirst bake: unexpected argument 'more'" + kHint);
  EXPECT_EQ(bread.parse({"rye", "--tmie", "3"}),
            "convfirst bake: unknown option '--tmie'; did you mean '--time'?" + kHint);
  EXPECT_EQ(bread.parse({"rye", "--crus"}),
            "convfirst bake: unknown option '--crus'; did you mean '--crust'?" + kHint);
  EXPECT_NE(bread.parse({"rye", "--time", "soon"}), "");
  EXPECT_NE(bread.parse({"rye", "--time"}), "");
}

TEST(CommandLine, HelpShowsTheExampleFirst) {
  std::string flour;
  std::vector<std::string> rest;
  CommandLine line(kCommand);
  line.positional("FLOUR", &flour, "kind of flour").positional("MORE", &rest, "other things");
  const std::string help = line.help();
  EXPECT_EQ(help.substr(0, 38), "Example:  convfirst bake rye --time 40");
  EXPECT_NE(help.find("Usage: convfirst bake FLOUR MORE ..."), std::string::npos) << help;
}

TEST(CommandLine, HelpNamesTheDefaults) {
  int minutes = 30, seconds = 0;
  std::string form = "round", topping;
  CommandLine line(kCommand);
  line.option("time", &minutes, "MINUTES", "in the oven").option("rest", &seconds, "S", "outside");
  line.option("form", &form, "NAME", "shape").option("topping", &topping, "NAME", "on top");
  const std::string help = line.help();
  for (const char* row : {"in the oven (30)\n", "outside\n", "shape (round)\n", "on top\n"}) {
    EXPECT_NE(help.find(row), std::string::npos) << row << " is not in\n" << help;
  }
}

TEST(CommandLine, KeysOfTheConfigurationAreSetWithSet) {
  std::vector<std::string> settings;
  CommandLine line(kCommand);
  line.option("set", &settings, "KEY=VALUE", "override a key");
  const auto message_of = [&](const Arguments& arguments) {
    try {
      line.parse(arguments);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message_of({"--learning-rate", "1"}),
            "convfirst bake: unknown option '--learning-rate'; keys of the configuration are set by --set "
            "KEY=VALUE" +
                kHint);
  EXPECT_EQ(message_of({"oven.heat=3"}),
            "convfirst bake: unexpected argument 'oven.heat=3'; did you mean --set oven.heat=3?" + kHint);
  EXPECT_EQ(message_of({"oven"}), "convfirst bake: unexpected argument 'oven'" + kHint);
}

TEST(CommandLine, ListTakesTheRest) {
  std::vector<std::string> images;
  std::string checkpoint;
  CommandLine line(kCommand);
  line.positional("CKPT", &checkpoint, "").positional("IMAGE", &images, "");
  EXPECT_TRUE(line.parse({"c", "1.png", "2.png"}));
  EXPECT_EQ(images, (std::vector<std::string>{"1.png", "2.png"}));
  EXPECT_THROW(line.parse({"c"}), Error);
}

std::string program_error(const Arguments& arguments) {
  try {
    run_program(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    return error.what();
  }
  return "";
}

TEST(Program, UnknownCommand) {
  EXPECT_EQ(program_error({"plto"}), "unknown command 'plto'; did you mean 'plot'?");
  EXPECT_EQ(program_error({"xyzzyxyzzy"}),
            "unknown command 'xyzzyxyzzy'; `convfirst --help` lists all commands");
}

TEST(Program, HelpAndVersionSucceed) {
  EXPECT_EQ(run_program({"--help"}), 0);
  EXPECT_EQ(run_program({"--version"}), 0);
  EXPECT_EQ(run_program({"version"}), 0);
  EXPECT_EQ(run_program({"help"}), 0);
  EXPECT_EQ(run_program({"help", "train"}), 0);
  EXPECT_EQ(run_program({"help", "bench"}), 0);
  EXPECT_EQ(program_error({"help", "trian"}), "unknown command 'trian'; did you mean 'train'?");
  EXPECT_EQ(run_program({}), 2);
}

TEST(Program, EveryCommandHasHelpWithAnExample) {
  for (const Command& command : commands()) {
    EXPECT_EQ(command.example.substr(0, 10 + command.name.size()), "convfirst " + std::string(command.name));
    EXPECT_EQ(command.run(command, {"--help"}), 0) << command.name;
    EXPECT_THROW(command.run(command, {"--no-such-option"}), Error) << command.name;
  }
}

}  // namespace
}  // namespace cf::apps
