#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "apps/command.h"
#include "apps/console/terminal.h"
#include "kernels/base/check.h"

namespace {

int report(const char* message, cf::ErrorKind kind) {
  const bool color = cf::apps::wants_color(stderr);
  // One call, so that the messages of several ranks do not mix.
  const char* const title = color ? "\033[1;31merror:\033[0m " : "error: ";
  std::fputs(cf::concat(title, message, "\n").c_str(), stderr);
  return static_cast<int>(kind);
}

// Opens standard streams that the caller has closed. Otherwise the next file opened, a checkpoint say, would
// take their number, and messages would be written into it. Messages go nowhere, data cannot be written.
void occupy_standard_streams() {
  for (int stream = 0; stream <= 2; ++stream) {
    const int mode = stream == 2 ? O_WRONLY : O_RDONLY;
    if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", mode) != stream) std::_Exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_streams();
  // A file at its size limit is a failed write, to be reported like a full disk, not a sudden end.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int code = cf::apps::run_program(cf::apps::Arguments(argv + 1, argv + argc));
    CF_CHECK_AS(cf::ErrorKind::Usage, std::fflush(stdout) == 0 && std::ferror(stdout) == 0,
                "cannot write to stdout: ", std::strerror(errno));
    return code;
  } catch (const cf::Error& error) {
    return report(error.what(), error.kind());
  } catch (const std::bad_alloc&) {
    return report("out of memory; a smaller batch or image size needs less", cf::ErrorKind::Device);
  } catch (const std::exception& error) {
    return report(error.what(), cf::ErrorKind::Internal);
  }
}
