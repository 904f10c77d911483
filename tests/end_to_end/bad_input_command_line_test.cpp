// Command lines that mean nothing.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>

#include "apps/console/terminal.h"
#include "tests/end_to_end/command_checks.h"

namespace cf {
namespace {

class BadCommandLine : public testing::Test {
 protected:
  void refuse(const Arguments& arguments, std::initializer_list<std::string_view> words) {
    expect_refused(scratch_.path(), arguments, 2, words);
  }

  ScratchFolder scratch_;
};

TEST_F(BadCommandLine, UnknownCommandNamesTheNearest) {
  refuse({"tarin", "synthetic.toml"}, {"unknown command 'tarin'", "did you mean 'train'?"});
  refuse({"ckpt", "imprt"}, {"unknown command 'ckpt imprt'", "'ckpt import'"});
  refuse({"ckpt"}, {"ckpt needs one of: info, verify, export, import"});
  refuse({"fly"}, {"unknown command 'fly'", "--help"});
}

TEST_F(BadCommandLine, NothingAtAllShowsTheCommands) { refuse({}, {"Commands:", "train", "--help"}); }

TEST_F(BadCommandLine, UnknownOptionNamesTheNearest) {
  refuse({"train", "synthetic.toml", "--ouput", "run"}, {"unknown option '--ouput'", "'--out'"});
  refuse({"eval", "run", "--jsn"}, {"unknown option '--jsn'", "'--json'"});
  refuse({"train", "synthetic.toml", "--ou", "run"}, {"unknown option '--ou'", "'--out'"});
}

TEST_F(BadCommandLine, WhatIsMissingIsNamed) {
  refuse({"train"}, {"needs a recipe"});
  refuse({"train", "synthetic.toml"}, {"needs --out RUN"});
  refuse({"train", "synthetic.toml", "--out"}, {"--out", "missing"});
  refuse({"eval"}, {"CHECKPOINT is missing"});
  refuse({"predict", "run"}, {"IMAGE", "is missing"});
}

TEST_F(BadCommandLine, WhatIsTooMuchIsNamed) {
  refuse({"eval", "run", "data"}, {"unexpected argument 'data'"});
  refuse({"model", "list", "small"}, {"unexpected argument 'small'"});
  refuse({"train", "synthetic.toml", "train.batch=3"}, {"did you mean --set train.batch=3?"});
}

TEST_F(BadCommandLine, ValuesOfTheWrongKind) {
  refuse({"train", "synthetic.toml", "--out", "run", "--threads", "many"}, {"threads", "many"});
  refuse({"train", "synthetic.toml", "--out", "run", "--threads", "-1"}, {"--threads", "-1"});
  refuse({"train", "synthetic.toml", "--out", "run", "--max-time", "soon"},
         {"--max-time", "'soon'", "30min"});
  refuse({"train", "synthetic.toml", "--out", "run", "--max-time", "3ep"}, {"--max-time", "'3ep'"});
  refuse({"train", "synthetic.toml", "--out", "run", "--set", "lr"}, {"--set lr", "KEY=VALUE"});
}

TEST(Streams, AFullDiskBehindStdoutIsAnError) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_FAIL() << "no /dev/full";
  ::close(full);
  const std::string command = concat(convfirst_program(), " model list > /dev/full 2> /dev/null");
  const int status = std::system(command.c_str());  // NOLINT: the shell redirects
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

// A file that gets the number of a closed stream must not get its messages as well.
TEST(Streams, ClosedOnesDoNotEndUpInAFile) {
  const ScratchFolder scratch;
  const std::string pack = (scratch / "drawn.cfpack").native();
  const std::string command =
      concat(convfirst_program(), " data pack synthetic:samples=8 -o ", pack, " <&- >&- 2>&-");
  const int status = std::system(command.c_str());  // NOLINT: the shell closes
  EXPECT_EQ(WEXITSTATUS(status), 2) << "what it has to say cannot be written";
  output_of({"data", "verify", pack}, scratch.path());
}

// A terminal gets colours, unless NO_COLOR is set to something or the terminal is a dumb one.
TEST(Streams, ColoursAreForTerminalsThatWantThem) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(master, 0);
  ASSERT_EQ(::grantpt(master), 0);
  ASSERT_EQ(::unlockpt(master), 0);
  std::FILE* terminal = std::fopen(::ptsname(master), "w");
  ASSERT_NE(terminal, nullptr);
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("NO_COLOR");
  EXPECT_TRUE(apps::wants_color(terminal));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(apps::wants_color(terminal));
  ::setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(apps::wants_color(terminal));
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(apps::wants_color(terminal));
  std::fclose(terminal);
  ::close(master);
}

}  // namespace
}  // namespace cf
